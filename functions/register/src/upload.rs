//! `POST /api/v1/sources`: takes a source tree as an archive, so that a folder can be deployed from anywhere.
//!
//! Invariant: an archive belongs to the caller's tenant and is named by what it holds; sent again it changes nothing,
//! and one that is cut short or is not what it says leaves nothing.

use host::{Context, Error, Request, Response};
use model::port::{
    PortError,
    source::{Digest, Manifest, Upload, upload_key},
};
use serde::Serialize;

/// Bytes of an archive, whatever is set: `upload_mib` is at most this.
pub const MOST_BYTES: usize = 8 << 30;
/// What names the archive before it is sent.
pub const HEADER: &str = "x-sextant-digest";

/// How that header is written, for the API's document.
pub struct Named;

impl utoipa::PartialSchema for Named {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^sha256=[0-9a-f]{64}$"))
            .into()
    }
}

impl utoipa::ToSchema for Named {}

/// An archive that can be deployed: `{"kind": "archive", "digest": …}` as `source`.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Uploaded {
    /// What it is deployed by.
    pub digest: Digest,
    /// Files and links in it.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes of the archive.
    pub packed_bytes: u64,
}

impl From<Manifest> for Uploaded {
    fn from(manifest: Manifest) -> Self {
        let Manifest { digest, packed_bytes, bytes, files, .. } = manifest;
        Self { digest, files, bytes, packed_bytes }
    }
}

/// What the sender says of an archive.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Whether Git tracks what is in it: then `.env` files and `node_modules` among it are taken.
    #[serde(default)]
    pub tracked: bool,
}

/// How large a source may be.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Bounds {
    /// Bytes of all files.
    pub bytes: i64,
    /// Files and links.
    pub files: i64,
    /// Bytes of the archive.
    pub packed_bytes: i64,
}

/// Says it, so that nobody packs and sends what is not taken.
pub async fn bounds(ctx: Context, _: Request) -> Result<Response, Error> {
    let settings = &ctx.config.settings;
    let bounds = Bounds {
        bytes: settings.source_mib.get() << 20,
        files: settings.source_files.get(),
        packed_bytes: settings.upload_mib.get() << 20,
    };
    Ok(Response::json(200, &bounds))
}

/// One that says itself that it is too large is refused before it is read; of others as much is read as is taken.
fn within_bounds(ctx: &Context, request: &Request) -> Result<(), Error> {
    let most = ctx.config.settings.upload_mib.get();
    let announced = request.header("content-length").and_then(|length| length.parse::<i64>().ok());
    if announced.is_some_and(|bytes| bytes > most << 20) {
        return Err(Error::too_large(format!(
            "The archive has more than {most} MiB, which is the most that is taken here. Nothing was read; list what \
             the app doesn't need in .sextantignore, or raise SEXTANT_UPLOAD_MIB."
        )));
    }
    Ok(())
}

/// Takes one. What is here already is not read again.
pub async fn upload(ctx: Context, request: Request) -> Result<Response, Error> {
    within_bounds(&ctx, &request)?;
    let digest = named(&request)?;
    let Asked { tracked } = request.query()?;
    if let Some(manifest) = kept(&ctx, &digest).await? {
        return Ok(answer(200, manifest));
    }
    let caller = ctx.caller()?;
    let key = upload_key(&caller.user);
    let upload = Upload { key, digest, tracked, data: request.take_stream()? };
    let received = ctx.ports.source.receive(&caller.tenant, upload).await;
    received.map(|manifest| answer(201, manifest)).map_err(refused)
}

/// Says whether one is here, so that nobody sends it twice; it is then kept as if it had just been sent.
pub async fn look(ctx: Context, request: Request) -> Result<Response, Error> {
    let text = request.param("digest");
    let digest: Digest =
        text.parse().map_err(|why: String| Error::unprocessable(why.clone()).field("digest", why))?;
    let found = kept(&ctx, &digest).await?;
    found.map(|manifest| answer(200, manifest)).ok_or_else(|| {
        Error::not_found(format!("There is no archive `{digest}`. Send it to `POST /api/v1/sources`."))
    })
}

/// One that is here may be here for a deployment that ends in a moment: the caller has a claim of its own from now on.
async fn kept(ctx: &Context, digest: &Digest) -> Result<Option<Manifest>, Error> {
    let caller = ctx.caller()?;
    Ok(ctx.ports.source.keep(&caller.tenant, &upload_key(&caller.user), digest).await?)
}

fn answer(status: u16, manifest: Manifest) -> Response {
    let location = format!("/api/v1/sources/{}", manifest.digest);
    Response::json(status, &Uploaded::from(manifest)).header("location", location)
}

fn named(request: &Request) -> Result<Digest, Error> {
    let problem = "give the archive's digest as `X-Sextant-Digest: sha256=…`, in 64 hexadecimal digits: SHA-256 of the tar stream that is inside of it";
    let text = request.header(HEADER).and_then(|value| value.strip_prefix("sha256="));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Error::unprocessable(format!("The digest is missing or malformed: {problem}. Nothing was read."))
            .field(HEADER, problem)
    })
}

fn refused(error: PortError) -> Error {
    match error {
        PortError::Permanent(why) => {
            Error::unprocessable(format!("The archive was not taken: {why}. Nothing of it was kept."))
                .slug("archive-refused")
        }
        PortError::Transient(why) => Error::unavailable(format!(
            "The archive can't be taken now: {why}. Nothing of it was kept; send it again."
        ))
        .header("retry-after", "5"),
    }
}
