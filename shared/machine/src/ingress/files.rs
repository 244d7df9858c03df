//! Static sites, served by the ingress itself from a folder.
//!
//! Invariant: nothing outside of the folder is ever read, whatever the path says and wherever a link points.

use super::{
    body::Body,
    site::{Found, Site},
};
use bytes::Bytes;
use futures::TryStreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Frame,
    header::{self, HeaderValue},
};
use std::{io::SeekFrom, os::unix::fs::MetadataExt as _, path::Path};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// Bytes per read.
const CHUNK: u64 = 64 * 1024;

/// Answers a request from the folder.
pub(crate) async fn serve<B>(site: &Site, request: &Request<B>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "This is a static site: use GET or HEAD.\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let (looker, path) = (site.clone(), request.uri().path().to_owned());
    let resolved = tokio::task::spawn_blocking(move || looker.resolve(&path)).await;
    match resolved {
        Ok((status, Some(Found::File(file)))) => send(&file, status, request).await.unwrap_or_else(|error| {
            tracing::warn!(file = %file.display(), %error, "a static file could not be read");
            text(StatusCode::INTERNAL_SERVER_ERROR, "The file could not be read.\n")
        }),
        Ok((_, Some(Found::Folder))) => redirect(request.uri()),
        _ => text(StatusCode::NOT_FOUND, "There is no such page.\n"),
    }
}

async fn send<B>(path: &Path, status: StatusCode, request: &Request<B>) -> std::io::Result<Response<Body>> {
    let mut file = tokio::fs::File::open(path).await?;
    let metadata = file.metadata().await?;
    let tag = format!("\"{:x}-{:x}-{:x}\"", metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    let asked = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let known = asked(header::IF_NONE_MATCH)
        .is_some_and(|tags| tags == "*" || tags.split(',').any(|t| t.trim().trim_start_matches("W/") == tag));
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(header::ETAG, value(&tag));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if known && status == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let length = metadata.len();
    // A range of a version that changed meanwhile would not fit what the client has.
    let wants_range = asked(header::IF_RANGE).is_none_or(|condition| condition == tag);
    let part = asked(header::RANGE)
        .filter(|_| wants_range && status == StatusCode::OK)
        .and_then(|text| range(text, length));
    let (from, to) = match part {
        Some(Ok((from, to))) => {
            headers.insert(header::CONTENT_RANGE, value(&format!("bytes {from}-{}/{length}", to - 1)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            (from, to)
        }
        Some(Err(())) => {
            headers.insert(header::CONTENT_RANGE, value(&format!("bytes */{length}")));
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            return Ok(response);
        }
        None => {
            *response.status_mut() = status;
            (0, length)
        }
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    if request.method() == Method::GET {
        file.seek(SeekFrom::Start(from)).await?;
        *response.body_mut() = stream(file, to - from);
    }
    Ok(response)
}

/// The file's bytes, read as the client takes them.
fn stream(file: tokio::fs::File, length: u64) -> Body {
    let chunks = futures::stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut chunk = vec![0; left.min(CHUNK) as usize];
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(read);
        Ok(Some((Bytes::from(chunk), (file, left - read as u64))))
    });
    Body::Own(StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync(), None)
}

/// `bytes=A-B`, `bytes=A-`, `bytes=-N` as `[from, to)`; `None` for what may be ignored, `Err` for what lies outside.
fn range(text: &str, length: u64) -> Option<Result<(u64, u64), ()>> {
    let (from, to) = text.strip_prefix("bytes=").filter(|rest| !rest.contains(','))?.split_once('-')?;
    if from.is_empty() {
        let last = to.parse::<u64>().ok()?;
        return Some(if last == 0 || length == 0 {
            Err(())
        } else {
            Ok((length.saturating_sub(last), length))
        });
    }
    let from = from.parse::<u64>().ok()?;
    let to = if to.is_empty() { length } else { to.parse::<u64>().ok()?.saturating_add(1).min(length) };
    Some(if from < to { Ok((from, to)) } else { Err(()) })
}

fn redirect(uri: &hyper::Uri) -> Response<Body> {
    // A path that starts with two slashes would be another host.
    let path = format!("/{}/", uri.path().trim_matches('/'));
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = text(StatusCode::PERMANENT_REDIRECT, "");
    response.headers_mut().insert(header::LOCATION, value(&format!("{path}{query}")));
    response
}

fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::full(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// By extension, as browsers need it; what isn't known is bytes.
fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("bytes=0-0", 10), Some(Ok((0, 1))));
        assert_eq!(range("bytes=5-", 10), Some(Ok((5, 10))));
        assert_eq!(range("bytes=-3", 10), Some(Ok((7, 10))));
        assert_eq!(range("bytes=5-99", 10), Some(Ok((5, 10))));
        assert_eq!(range("bytes=10-", 10), Some(Err(())));
        assert_eq!(range("bytes=0-1,3-4", 10), None);
    }
}
