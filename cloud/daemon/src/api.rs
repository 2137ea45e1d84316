//! The API's front: HTTP in, HTTP out; over TCP only with the bearer token.

use std::sync::Arc;

use cloud_client::{ApiError, ErrorCode};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Error,
    cloud::{
        Cloud,
        query::Query,
        requests::{Caller, Verb},
    },
    error::refuse,
};

/// User data is the largest thing that anybody sends.
const LONGEST_BODY: usize = 16 * 1024 * 1024;

/// Answers one request. `token` is asked for if there is one.
pub(crate) async fn answer(
    cloud: Arc<Cloud>,
    token: Option<Arc<str>>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let outcome = handle(cloud, token, request).await.map_err(Error::into_api);
    let (status, body) = match outcome {
        Ok(value) => (StatusCode::OK, value.to_string()),
        Err(error) => (status_of(&error), serde_json::to_string(&error).unwrap_or_default()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}

fn status_of(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn handle(cloud: Arc<Cloud>, token: Option<Arc<str>>, request: Request<Incoming>) -> Result<Value, Error> {
    let caller = match &token {
        Some(token) if !has_token(&request, token) => {
            return Err(refuse(
                ErrorCode::Unauthorized,
                "the bearer token is missing or wrong",
                "send the token of the landscape, or use the Unix socket on the host",
            ));
        }
        Some(_) => Caller::Inside,
        None => Caller::Host,
    };
    let verb = match *request.method() {
        Method::GET => Verb::Get,
        Method::PUT => Verb::Put,
        Method::DELETE => Verb::Delete,
        _ => {
            return Err(refuse(
                ErrorCode::Invalid,
                format!("{} is not a method of this API", request.method()),
                "use GET, PUT or DELETE",
            ));
        }
    };
    let path = request.uri().path().to_owned();
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let body = Limited::new(request.into_body(), LONGEST_BODY)
        .collect()
        .await
        .map_err(|error| refuse(ErrorCode::Invalid, format!("failed to read the body: {error}"), ""))?
        .to_bytes();
    // On a thread of its own: it blocks, and it goes on when the client goes away.
    tokio::task::spawn_blocking(move || cloud.answer(caller, verb, &path, &query, &body))
        .await
        .map_err(|error| Error::system("answer a request")(error.into()))?
}

fn has_token(request: &Request<Incoming>, token: &str) -> bool {
    let sent = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    // Hashes, so that the time of the comparison says nothing of the token.
    Sha256::digest(sent.trim()) == Sha256::digest(token)
}
