//! The console's own files: found once at start, served from memory with their compressed forms, cached by content.
//!
//! Only names that were in the folder at start can be asked for, so nothing a browser sends becomes a path.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::Web;

/// Files of the console; more are not looked at.
const FILES_MAX: usize = 200;

/// One file.
struct File {
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    media_type: &'static str,
    etag: HeaderValue,
}

/// All files, by the path they are asked for.
#[derive(Clone)]
pub struct Assets(Arc<HashMap<String, File>>);

impl Assets {
    /// Reads the folder `site`: `pkg/*` and files at its top.
    pub fn read(site: &Path) -> std::io::Result<Self> {
        let mut files = HashMap::new();
        for (folder, prefix) in [(site.to_owned(), "/"), (site.join("pkg"), "/pkg/")] {
            for entry in std::fs::read_dir(&folder)?.take(FILES_MAX) {
                let path = entry?.path();
                let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
                let Some(media_type) = media_type(name) else { continue };
                let plain = Bytes::from(std::fs::read(&path)?);
                let beside = |suffix: &str| std::fs::read(path.with_file_name(format!("{name}.{suffix}"))).ok().map(Bytes::from);
                let etag = HeaderValue::from_str(&format!("\"{}\"", hex::encode(&Sha256::digest(&plain)[..8])))
                    .expect("hexadecimal digits in quotes are a header value");
                files.insert(format!("{prefix}{name}"), File { brotli: beside("br"), gzip: beside("gz"), plain, media_type, etag });
            }
        }
        Ok(Self(Arc::new(files)))
    }

    /// No files, for tests of the routes.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(HashMap::new()))
    }

    /// Whether the first script and the style are there.
    #[must_use]
    pub fn complete(&self) -> bool {
        ["/pkg/breakwater.js", "/pkg/breakwater.css"].iter().all(|name| self.0.contains_key(*name))
    }
}

fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next()? {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "png" => "image/png",
        _ => return None,
    })
}

/// `GET` of a file.
pub async fn serve(State(web): State<Web>, request: Request) -> Response {
    let path = request.uri().path();
    let wanted = if path == "/favicon.ico" { "/favicon.svg" } else { path };
    let Some(file) = web.assets.0.get(wanted) else { return StatusCode::NOT_FOUND.into_response() };
    let header_text = |name: header::HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let fixed = [
        (header::ETAG, file.etag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if header_text(header::IF_NONE_MATCH).split(',').any(|tag| tag.trim().as_bytes() == file.etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    let accepts = header_text(header::ACCEPT_ENCODING);
    let (body, encoding) = match (&file.brotli, &file.gzip) {
        (Some(bytes), _) if accepts.contains("br") => (bytes, Some("br")),
        (_, Some(bytes)) if accepts.contains("gzip") => (bytes, Some("gzip")),
        _ => (&file.plain, None),
    };
    let mut response = (fixed, Body::from(body.clone())).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    if let Some(encoding) = encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}
