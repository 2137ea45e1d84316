//! The SDK's suite on the local cloud itself: its daemon, reached over its API with a Secret's credentials, as from a pod.
//!
//! Absent: Networks and OperatingSystemConfigs, which ask nothing of the cloud.

use std::{collections::BTreeMap, sync::Arc};

use api::{core::v1beta1::ErrorCode as KnownCause, extensions::v1alpha1::DnsRecord};
use cloud_client::{
    Client, DnsRecord as Record, LoadBalancer, LoadBalancerSpec, Machine, Network, NetworkSpec, Route, SecurityGroup,
};
use cloud_testkit::{TestLandscape, backend_port};
use controller::fake::FakeCluster;
use extensions_provider_local::{
    Clouds as _, ControlPlaneActuator, DnsRecordActuator, InfrastructureActuator, LocalMachineDriver, RemoteClouds,
    cloud::{ENDPOINT_KEY, TOKEN_KEY},
    cloud_controller::ShootControllers,
};
use extensions_sdk::{
    Actuator as _, ActuatorError, Request,
    conformance::{self, Case},
    machine::{MachineDriver as _, MachineRequest},
};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use lib_error_chain::ErrorChain;

use crate::{
    actuators::{balancer, clock, cluster, control_plane, infrastructure, route},
    machines, seed,
};

/// What the suite stands on.
struct Ground {
    clouds: RemoteClouds,
    /// Leads to the cloud, with the right to use it.
    secret: Secret,
    /// Looks at the cloud from the host, past the provider.
    client: Client,
    domain: String,
}

fn credentials(endpoint: &str, token: &str) -> Secret {
    let value = |text: &str| ByteString(text.as_bytes().to_vec());
    Secret {
        data: Some(BTreeMap::from([
            (ENDPOINT_KEY.to_owned(), value(endpoint)),
            (TOKEN_KEY.to_owned(), value(token)),
        ])),
        ..Secret::default()
    }
}

fn balanced(network: &str) -> LoadBalancerSpec {
    LoadBalancerSpec {
        ports: vec![backend_port(443, 30443)],
        ..balancer(network)
    }
}

#[tokio::test]
async fn the_provider_conforms_on_the_cloud_itself() {
    let mut landscape = TestLandscape::start("t-prov").await;
    let (info, token) = (
        landscape.client.info().await.unwrap(),
        landscape.client.token().await.unwrap(),
    );
    let ground = Ground {
        clouds: RemoteClouds::default(),
        secret: credentials(&format!("http://{}", info.api), &token),
        client: landscape.client.clone(),
        domain: landscape.domain(),
    };
    landscape.inside(move || async move {
        ground.infrastructures().await;
        ground.dns_records().await;
        ground.control_planes().await;
        ground.machines().await;
        ground.strangers_are_refused(&format!("http://{}", info.api)).await;
        assert_eq!(ground.everything().await, [""; 0]);
    });
    landscape.tear_down();
}

impl Ground {
    /// What the cloud has, as `networks/shoot--dev--first`.
    async fn everything(&self) -> Vec<String> {
        let client = &self.client;
        let networks = client.list::<Network>().await.unwrap().into_iter();
        let groups = client.list::<SecurityGroup>().await.unwrap().into_iter();
        let routes = client.list::<Route>().await.unwrap().into_iter();
        let balancers = client.list::<LoadBalancer>().await.unwrap().into_iter();
        let machines = client.list::<Machine>().await.unwrap().into_iter();
        let records = client.list::<Record>().await.unwrap().into_iter();
        networks
            .map(|network| format!("networks/{}", network.name))
            .chain(groups.map(|group| format!("groups/{}", group.name)))
            .chain(routes.map(|route| format!("routes/{}", route.name)))
            .chain(balancers.map(|balancer| format!("balancers/{}", balancer.name)))
            .chain(machines.map(|machine| format!("machines/{}", machine.name)))
            .chain(records.map(|record| format!("records/{}", record.name)))
            .collect()
    }

    /// Makes or removes the shoot's network and security group.
    async fn infrastructure(&self, secret: &Secret, wanted: bool) -> Result<(), ActuatorError> {
        let (object, cluster) = (infrastructure(), cluster());
        let mut status = object.status.clone();
        let request = Request {
            object: &object,
            status: &mut status,
            cluster: Some(&cluster),
            secret: Some(secret),
        };
        let actuator = InfrastructureActuator::new(self.clouds.clone());
        if wanted {
            actuator.reconcile(request).await
        } else {
            actuator.delete(request).await
        }
    }

    async fn infrastructures(&self) {
        let (object, cluster) = (infrastructure(), cluster());
        let made = || {
            vec![
                "networks/shoot--dev--first".to_owned(),
                "groups/shoot--dev--first".to_owned(),
            ]
        };
        let case = Case {
            object: &object,
            changed: &object,
            cluster: Some(&cluster),
            secret: Some(&self.secret),
            nothing: Vec::new(),
            made: made(),
            changed_to: made(),
        };
        let actuator = InfrastructureActuator::new(self.clouds.clone());
        let look = || self.everything();
        conformance::actuator(&actuator, &case, look).await.unwrap();
    }

    async fn dns_records(&self) {
        let record = |values: &[&str]| -> DnsRecord {
            let mut record = seed::record("A", values);
            record.spec.name = format!("API.first.{}.", self.domain);
            record
        };
        let key = format!("api.first.{}:A", self.domain);
        let look = || async {
            let found = self.client.get::<Record>(&key).await.unwrap();
            found.map(|record| record.spec.values).unwrap_or_default()
        };
        let actuator = DnsRecordActuator::new(self.clouds.clone());
        let (wished, changed) = (record(&["172.30.2.1"]), record(&["172.30.2.2", "172.30.2.3"]));
        conformance::dns_record(&actuator, &wished, &changed, Some(&self.secret), look)
            .await
            .unwrap();
    }

    /// What a shoot's cloud controller left in the cloud goes with its ControlPlane, and nothing else.
    async fn control_planes(&self) {
        let seed = FakeCluster::new();
        let controllers = ShootControllers::new(seed.client(), Arc::new(self.clouds.clone()), clock());
        let actuator = ControlPlaneActuator::new(seed.client(), self.clouds.clone(), Arc::new(controllers));
        let object = control_plane();
        let access = "/api/v1/namespaces/shoot--dev--first/secrets/managedresource-extension-controlplane-shoot";
        let case = Case {
            object: &object,
            changed: &object,
            cluster: None,
            secret: Some(&self.secret),
            nothing: false,
            made: true,
            changed_to: true,
        };
        let look = || std::future::ready(seed.get(access).is_some());
        conformance::actuator(&actuator, &case, look).await.unwrap();

        self.infrastructure(&self.secret, true).await.unwrap();
        let other = NetworkSpec::new("10.11.0.0/16".parse().unwrap());
        self.client.put::<Network>("other", &other).await.unwrap();
        let cloud = self.clouds.cloud_of(Some(&self.secret)).await.unwrap();
        cloud
            .put_route("left", &route("10.20.0.0/24", "10.10.0.2"))
            .await
            .unwrap();
        cloud
            .put_load_balancer("left", &balanced("shoot--dev--first"))
            .await
            .unwrap();
        cloud.put_load_balancer("others", &balanced("other")).await.unwrap();
        self.infrastructure(&self.secret, false).await.unwrap();
        assert_eq!(self.everything().await, ["networks/other", "balancers/others"]);
        self.client.delete::<LoadBalancer>("others").await.unwrap();
        self.client.delete::<Network>("other").await.unwrap();
    }

    async fn machines(&self) {
        self.infrastructure(&self.secret, true).await.unwrap();
        let driver = LocalMachineDriver::new(self.clouds.clone());
        let request = |name| MachineRequest {
            secret: self.secret.clone(),
            ..machines::request(name)
        };
        conformance::machines(&driver, &request("a")).await.unwrap();

        // A network with a machine in it stays, and says why.
        let machine = driver.create(&request("b")).await.unwrap();
        assert_eq!(machine.provider_id, "local:///t-prov/b");
        let error = self.infrastructure(&self.secret, false).await.unwrap_err();
        assert_eq!(
            error.codes(),
            [KnownCause::RetryableInfraDependencies],
            "{}",
            ErrorChain(&error)
        );
        driver.delete(&request("b")).await.unwrap();
        self.infrastructure(&self.secret, false).await.unwrap();
    }

    async fn strangers_are_refused(&self, endpoint: &str) {
        let secret = credentials(endpoint, "not the token");
        let error = self.infrastructure(&secret, true).await.unwrap_err();
        assert_eq!(
            error.codes(),
            [KnownCause::InfraUnauthenticated],
            "{}",
            ErrorChain(&error)
        );
    }
}
