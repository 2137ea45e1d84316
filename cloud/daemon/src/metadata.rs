//! The metadata server of a network: a machine asks who it is, and for its user data. It is known by its address.

use std::{net::IpAddr, sync::Arc};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{cloud::Cloud, http_server};

/// Serves until the network goes or the daemon ends.
pub(crate) async fn serve(
    cloud: Arc<Cloud>,
    network: String,
    listener: TcpListener,
    stop: CancellationToken,
    shutdown: CancellationToken,
) {
    let network: Arc<str> = network.into();
    let answer = move |peer: Option<IpAddr>, request: Request<Incoming>| {
        let (cloud, network) = (Arc::clone(&cloud), Arc::clone(&network));
        async move { answer(&cloud, &network, peer, &request) }
    };
    tokio::select! {
        () = http_server::serve_tcp(listener, answer) => {}
        () = stop.cancelled() => {}
        () = shutdown.cancelled() => {}
    }
}

fn answer(cloud: &Cloud, network: &str, peer: Option<IpAddr>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let machine = match peer {
        Some(IpAddr::V4(address)) => cloud.machine_at(network, address),
        _ => None,
    };
    let Some((name, machine)) = machine else {
        return plain(StatusCode::NOT_FOUND, "no machine has your address\n");
    };
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    match request.uri().path() {
        "/user-data" if machine.spec.user_data.is_empty() => plain(StatusCode::NOT_FOUND, "no user data\n"),
        "/user-data" => plain(StatusCode::OK, machine.spec.user_data),
        "/meta-data" => {
            let landscape = cloud.layout().landscape();
            let body = json!({
                "hostname": name,
                "address": machine.address,
                "network": network,
                "landscape": landscape.to_string(),
                "domain": cloud.layout().domain(),
                "providerId": format!("local:///{landscape}/{name}"),
                "instanceId": machine.uid,
                "zone": machine.zone,
            });
            let mut response = plain(StatusCode::OK, body.to_string());
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                header::HeaderValue::from_static("application/json"),
            );
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "there are /user-data and /meta-data\n"),
    }
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
