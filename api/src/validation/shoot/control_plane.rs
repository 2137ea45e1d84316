//! Version and components of a Shoot's Kubernetes.

use apimachinery::{
    Duration,
    field::{FieldError, FieldErrors, Path},
};

use crate::{
    core::v1beta1::{EncryptionProviderType, FailureToleranceType, KubeApiServerConfig, ShootSpec},
    validation::{checks, version},
};

/// kube-apiserver refuses longer ones only in memory: a day of events is what etcd is sized for.
const LONGEST_EVENT_TTL: Duration = Duration::from_hours(24);
const SHORTEST_TOKEN: Duration = Duration::from_hours(720);
const LONGEST_TOKEN: Duration = Duration::from_hours(2160);

pub(super) fn validate(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    let kubernetes = path.child("kubernetes");
    version::well_formed(&kubernetes.child("version"), &spec.kubernetes.version, errors);
    if let Some(config) = &spec.kubernetes.kube_api_server {
        kube_api_server(&kubernetes.child("kubeAPIServer"), config, errors);
    }
    if version::at_least(&spec.kubernetes.version, 1, 35) {
        gone_in_1_35(path, spec, errors);
    }
    if let Some(availability) = spec
        .control_plane
        .as_ref()
        .and_then(|plane| plane.high_availability.as_ref())
    {
        checks::one_of(
            &path
                .child("controlPlane")
                .child("highAvailability")
                .child("failureTolerance")
                .child("type"),
            availability.failure_tolerance.type_.as_str(),
            &[FailureToleranceType::Node.as_str(), FailureToleranceType::Zone.as_str()],
            errors,
        );
    }
}

fn kube_api_server(path: &Path, config: &KubeApiServerConfig, errors: &mut FieldErrors) {
    if let Some(ttl) = config.event_ttl
        && !(Duration::default()..=LONGEST_EVENT_TTL).contains(&ttl)
    {
        errors.push(FieldError::invalid(
            &path.child("eventTTL"),
            ttl,
            "must be between 0s and 24h0m0s",
        ));
    }
    if let Some(requests) = &config.requests {
        let path = path.child("requests");
        not_negative(
            &path.child("maxNonMutatingInflight"),
            requests.max_non_mutating_inflight,
            errors,
        );
        not_negative(
            &path.child("maxMutatingInflight"),
            requests.max_mutating_inflight,
            errors,
        );
    }
    if let Some(logging) = &config.logging {
        let path = path.child("logging");
        not_negative(&path.child("verbosity"), logging.verbosity, errors);
        not_negative(
            &path.child("httpAccessVerbosity"),
            logging.http_access_verbosity,
            errors,
        );
    }
    encryption_and_tokens(path, config, errors);
    admission_plugins(&path.child("admissionPlugins"), config, errors);
}

fn encryption_and_tokens(path: &Path, config: &KubeApiServerConfig, errors: &mut FieldErrors) {
    if let Some(provider) = config
        .encryption_config
        .as_ref()
        .and_then(|encryption| encryption.provider.type_.as_ref())
    {
        checks::one_of(
            &path.child("encryptionConfig").child("provider").child("type"),
            provider.as_str(),
            &[
                EncryptionProviderType::Aescbc.as_str(),
                EncryptionProviderType::Aesgcm.as_str(),
                EncryptionProviderType::Secretbox.as_str(),
            ],
            errors,
        );
    }
    if let Some(age) = config
        .service_account_config
        .as_ref()
        .and_then(|accounts| accounts.max_token_expiration)
        && !(SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&age)
    {
        errors.push(FieldError::invalid(
            &path.child("serviceAccountConfig").child("maxTokenExpiration"),
            age,
            "must be between 720h and 2160h (30 to 90 days)",
        ));
    }
}

fn admission_plugins(path: &Path, config: &KubeApiServerConfig, errors: &mut FieldErrors) {
    for (index, plugin) in config.admission_plugins.iter().enumerate() {
        checks::required(
            &path.index(index).child("name"),
            &plugin.name,
            "must name an admission plugin",
            errors,
        );
    }
    checks::unique(
        path,
        "name",
        config.admission_plugins.iter().map(|plugin| plugin.name.as_str()),
        errors,
    );
}

fn not_negative(path: &Path, value: Option<i32>, errors: &mut FieldErrors) {
    if let Some(value) = value.filter(|value| *value < 0) {
        errors.push(FieldError::invalid(path, value, "must be greater than or equal to 0"));
    }
}

fn gone_in_1_35(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    let kubernetes = path.child("kubernetes");
    let mut forbid = |is_set: bool, path: &Path, instead: &str| {
        let detail = format!("not supported from Kubernetes 1.35 on: {instead}");
        checks::forbid(is_set, path, &detail, errors);
    };
    // A workerless Shoot must not have addons anyway, and hears that.
    let has_workers = !spec.provider.workers.is_empty();
    forbid(
        has_workers && spec.addons.is_some(),
        &path.child("addons"),
        "install the addons yourself",
    );
    let api_server = spec.kubernetes.kube_api_server.as_ref();
    forbid(
        api_server.is_some_and(|config| config.enable_anonymous_authentication.is_some()),
        &kubernetes.child("kubeAPIServer").child("enableAnonymousAuthentication"),
        "use spec.kubernetes.kubeAPIServer.structuredAuthentication",
    );
    let scheduler = spec.kubernetes.kube_scheduler.as_ref();
    forbid(
        scheduler.is_some_and(|config| config.kube_max_pd_vols.is_some()),
        &kubernetes.child("kubeScheduler").child("kubeMaxPDVols"),
        "remove it",
    );
    let providers = path.child("dns").child("providers");
    for (index, provider) in spec.dns.iter().flat_map(|dns| &dns.providers).enumerate() {
        forbid(
            provider.secret_name.is_some(),
            &providers.index(index).child("secretName"),
            "use credentialsRef",
        );
    }
}
