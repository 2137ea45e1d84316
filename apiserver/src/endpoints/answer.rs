//! Answers: their bodies and headers.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use apimachinery::status::Status;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;

use super::accept::Encoding;

/// Body of every answer.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;
/// Every answer.
pub(crate) type Answer = Response<AnswerBody>;

/// A body of several pieces that are known, and sent without being copied together.
pub(super) struct Pieces {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl Pieces {
    pub(super) fn new(pieces: VecDeque<Bytes>) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { pieces, left }
    }

    /// All of it in one piece.
    pub(super) fn concat(self) -> Bytes {
        let mut all = Vec::with_capacity(usize::try_from(self.left).unwrap_or(0));
        self.pieces.iter().for_each(|piece| all.extend_from_slice(piece));
        all.into()
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        if let Some(piece) = &piece {
            self.left -= piece.len() as u64;
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// An answer of ready JSON, turned into YAML if that is wanted.
pub(super) fn json(code: StatusCode, pieces: Pieces, encoding: Encoding) -> Answer {
    let (pieces, media_type) = match encoding {
        Encoding::Json => (pieces, "application/json"),
        Encoding::Yaml => (yaml(pieces), "application/yaml"),
    };
    with_type(code, pieces, HeaderValue::from_static(media_type))
}

fn yaml(pieces: Pieces) -> Pieces {
    let json = pieces.concat();
    // Our own JSON is always YAML as well: where it can't be reformatted it stays as it is.
    let value = serde_json::from_slice::<serde_json::Value>(&json).ok();
    let text = value.and_then(|value| serde_yaml_ng::to_string(&value).ok());
    Pieces::new(VecDeque::from([text.map_or(json, Bytes::from)]))
}

/// An answer of one value.
pub(super) fn value(code: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(json) => bytes(code, json.into()),
        Err(error) => failure(&Status::internal_error(&error.to_string())),
    }
}

/// An answer of ready JSON in one piece.
pub(super) fn bytes(code: StatusCode, json: Bytes) -> Answer {
    with_type(
        code,
        Pieces::new(VecDeque::from([json])),
        HeaderValue::from_static("application/json"),
    )
}

/// An answer of plain text.
pub(super) fn text(code: StatusCode, text: impl Into<Bytes>) -> Answer {
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    with_type(code, Pieces::new(VecDeque::from([text.into()])), media_type)
}

/// The answer that says what went wrong.
pub(crate) fn failure(status: &Status) -> Answer {
    let code = StatusCode::from_u16(status.http_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A Status holds strings and numbers: it can always be written.
    let mut answer = bytes(code, serde_json::to_vec(status).unwrap_or_default().into());
    let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    if seconds > 0 {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

pub(super) fn with_type(
    code: StatusCode,
    body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
    media_type: HeaderValue,
) -> Answer {
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = code;
    answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    answer
}

/// Adds `Warning` headers; text that can't be in a header is made so.
pub(super) fn warn(answer: &mut Answer, warnings: &[String]) {
    for warning in warnings {
        let quoted: String = warning.chars().flat_map(quote).collect();
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            answer.headers_mut().append(header::WARNING, value);
        }
    }
}

fn quote(character: char) -> Vec<char> {
    match character {
        '"' | '\\' => vec!['\\', character],
        '\n' | '\t' => vec![' '],
        other if other.is_control() => Vec::new(),
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_fit_into_a_header() {
        let mut answer = text(StatusCode::OK, "");
        warn(&mut answer, &["say \"hi\"\nnow".to_owned()]);
        assert_eq!(answer.headers()[header::WARNING], r#"299 - "say \"hi\" now""#);
    }

    #[test]
    fn a_failure_says_when_to_come_back() {
        let answer = failure(&Status::too_many_requests("busy", 3));
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "3");
    }
}
