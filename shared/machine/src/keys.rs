//! Keys in files that only their owner can read: one that wraps data keys, and others for signing.
//!
//! Invariant: a key file is made once, never overwritten, and never used while anybody else may read it. The
//! wrapping key leaves this module only inside a cipher.
//!
//! Wrapped bytes are `sxk1 | key id (8) | nonce (12) | ciphertext and tag`, AES-256-GCM with the context as
//! additional data, and everything before the nonce as well.

use crate::clock::OsRandom;
use crate::engine::Engine;
use async_trait::async_trait;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest,
};
use model::port::{self, KeyContext, PortError, Random, store::StoreError};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const VERSION: &[u8; 4] = b"sxk1";
/// The file of the key that wraps data keys.
pub const WRAPPING: &str = "wrapping.key";
/// The file of the key that signs tokens.
pub const TOKEN: &str = "token.key";
const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
const HEAD: usize = VERSION.len() + ID_BYTES;

/// Why a key file can't be used. It is never replaced by a new one: what was encrypted would be lost.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others could read it.
    #[error(
        "the key file `{path}` can be read by others (its mode is {mode:03o}): if nobody did, run `chmod 600 {path}`; if somebody may have, make new keys"
    )]
    Open {
        /// The file that the key is kept in.
        path: PathBuf,
        /// Its permission bits, as `chmod` takes them.
        mode: u32,
    },
    /// Not 32 bytes.
    #[error(
        "the key file `{path}` has {length} bytes instead of {KEY_BYTES}: restore it from a backup; without it, stored secrets can't be read and must be entered again"
    )]
    Length {
        /// The file that the key is kept in.
        path: PathBuf,
        /// What it has.
        length: usize,
    },
    /// A store was written under it, and it is gone.
    #[error(
        "the key file `{path}` is missing, though a store was written with it, so no new one was made: restore it from a backup (`sextant restore`). To go on without what it protects, put 32 random bytes there yourself, for their owner only: `head -c 32 /dev/urandom > {path} && chmod 600 {path}`"
    )]
    Missing {
        /// The file that the key is kept in.
        path: PathBuf,
    },
    /// Not the one that the store was written under.
    #[error(
        "the key file `{path}` isn't the one that the store beside it was written with: restore it from a backup (`sextant restore`); nothing was changed"
    )]
    Another {
        /// The file that the key is kept in.
        path: PathBuf,
    },
    /// The store that says which keys are right can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system refused.
    #[error(
        "the key file `{path}` can't be read or made ({source}): check its owner and the free space on the disk"
    )]
    Io {
        /// The file that the key is kept in.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The 32 secret bytes of file `name` in `folder`; random and durable ones on first use.
pub fn secret_file(folder: &Path, name: &str) -> Result<[u8; KEY_BYTES], Error> {
    let path = folder.join(name);
    let io = |source| Error::Io { path: path.clone(), source };
    if !path.try_exists().map_err(io)? {
        make(folder, &path).map_err(io)?;
    }
    let mode = fs::metadata(&path).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::Open { path, mode });
    }
    let bytes = fs::read(&path).map_err(io)?;
    <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| Error::Length { path, length: bytes.len() })
}

/// The same beside a store: no new key is made where a store was written under one that is gone.
pub fn secret_file_beside(folder: &Path, name: &str, store: &Path) -> Result<[u8; KEY_BYTES], Error> {
    let path = folder.join(name);
    let there = path.try_exists().map_err(|source| Error::Io { path: path.clone(), source })?;
    if !there && Engine::is_in(store) {
        return Err(Error::Missing { path });
    }
    secret_file(folder, name)
}

/// Sees that the key files of a data folder are those that its store was written under, and remembers them there.
pub async fn check(folder: &Path, engine: &Engine) -> Result<(), Error> {
    let core = engine.core();
    let mut batch = vec![];
    for name in [WRAPPING, TOKEN] {
        let path = folder.join(name);
        let there = path.try_exists().map_err(|source| Error::Io { path: path.clone(), source })?;
        let remembered = [b"m\0key\0", name.as_bytes()].concat();
        match core.snapshot().get(&remembered)? {
            Some(_) if !there => return Err(Error::Missing { path }),
            Some(known) if known[..] != identify(&secret_file(folder, name)?) => {
                return Err(Error::Another { path });
            }
            None if !there && name == WRAPPING && core.state().documents > 0 => {
                return Err(Error::Missing { path });
            }
            None if there || name == WRAPPING => {
                batch.push((remembered, identify(&secret_file(folder, name)?)));
            }
            Some(_) | None => {}
        }
    }
    if batch.is_empty() { Ok(()) } else { Ok(core.put_all(batch).await?) }
}

/// Which key it is, without saying the key.
fn identify(bytes: &[u8]) -> [u8; ID_BYTES] {
    let mut id = [0; ID_BYTES];
    let hash = digest::digest(&digest::SHA256, &[b"sextant key id\n".as_slice(), bytes].concat());
    id.copy_from_slice(&hash.as_ref()[..ID_BYTES]);
    id
}

/// Whole or not at all, and never over a file that is there: of two processes at once, one makes the key.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let bytes = [OsRandom.bits().to_le_bytes(), OsRandom.bits().to_le_bytes()].concat();
    let temporary = path.with_extension(format!("new-{:032x}", OsRandom.bits()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(folder)?.sync_all(),
    }
}

/// Wraps data keys under the key in one file.
pub struct Keys {
    key: LessSafeKey,
    id: [u8; ID_BYTES],
    path: PathBuf,
}

impl Keys {
    /// The keys of a data folder; makes the file `wrapping.key` on first use.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let bytes = secret_file(folder, WRAPPING)?;
        let path = folder.join(WRAPPING);
        let unusable = |_| Error::Length { path: path.clone(), length: bytes.len() };
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).map_err(unusable)?);
        Ok(Self { key, id: identify(&bytes), path })
    }

    fn aad(&self, context: &KeyContext) -> Aad<Vec<u8>> {
        Aad::from([VERSION.as_slice(), &self.id, &context.bytes()].concat())
    }

    fn refuse<T>(&self, context: &KeyContext, why: &str) -> Result<T, PortError> {
        let text = format!(
            "the secret `{}` of `{}` can't be decrypted with `{}`: {why}; restore the right file, or enter the secret again",
            context.field,
            context.record,
            self.path.display()
        );
        Err(PortError::Permanent(text))
    }
}

#[async_trait]
impl port::Keys for Keys {
    async fn wrap(&self, context: &KeyContext, data_key: &[u8]) -> Result<Vec<u8>, PortError> {
        if data_key.len() != KEY_BYTES {
            let text = format!(
                "a data key has {KEY_BYTES} bytes, this one has {}: make one from a random generator",
                data_key.len()
            );
            return Err(PortError::Permanent(text));
        }
        let mut sealed = data_key.to_vec();
        // From the kernel, as every random number here: the cipher's own generator takes 100 ms to start.
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&OsRandom.bits().to_le_bytes()[..NONCE_LEN]);
        let once = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(once, self.aad(context), &mut sealed).map_err(|_| {
            PortError::Permanent("the cipher refused a data key: this is a defect, please report it".into())
        })?;
        Ok([VERSION.as_slice(), &self.id, &nonce, &sealed].concat())
    }

    async fn unwrap(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Vec<u8>, PortError> {
        let parts = wrapped
            .split_at_checked(HEAD)
            .and_then(|(head, rest)| Some((head, rest.split_at_checked(NONCE_LEN)?)));
        let Some((head, (nonce, sealed))) = parts else {
            return self.refuse(context, "it is too short to be a wrapped key");
        };
        if !head.starts_with(VERSION) {
            return self.refuse(context, "it was not wrapped by a key file");
        }
        if head[VERSION.len()..] != self.id {
            return self.refuse(context, "it was wrapped by another key file");
        }
        let mut opened = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce);
        let plain = nonce
            .and_then(|nonce| Ok(self.key.open_in_place(nonce, self.aad(context), &mut opened)?.to_vec()));
        plain.or_else(|_| self.refuse(context, "it was changed, or it belongs to another record"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TenantId;
    use port::Keys as _;

    fn context() -> KeyContext {
        KeyContext {
            tenant: TenantId::new("acme").unwrap(),
            record: "services/shop".into(),
            field: "TOKEN".into(),
        }
    }

    #[test]
    fn a_secret_file_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let first = secret_file(folder.path(), "token.key").unwrap();
        assert_eq!(secret_file(folder.path(), "token.key").unwrap(), first);
        assert_ne!(secret_file(folder.path(), "other.key").unwrap(), first);
        let mode = fs::metadata(folder.path().join("token.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        secret_file(folder.path(), "token.key").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(folder.path().join("token.key"), fs::Permissions::from_mode(mode)).unwrap();
            let error = secret_file(folder.path(), "token.key").unwrap_err();
            assert!(matches!(error, Error::Open { .. }), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_short_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wrapping.key");
        secret_file(folder.path(), "wrapping.key").unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(31).unwrap();
        assert!(matches!(Keys::open(folder.path()), Err(Error::Length { length: 31, .. })));
        assert_eq!(fs::read(path).unwrap().len(), 31);
    }

    #[tokio::test]
    async fn another_key_file_says_so() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let wrapped = Keys::open(one.path()).unwrap().wrap(&context(), &[7; 32]).await.unwrap();
        let error = Keys::open(two.path()).unwrap().unwrap(&context(), &wrapped).await.unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains("another key file"), "{error}");
        assert_eq!(Keys::open(one.path()).unwrap().unwrap(&context(), &wrapped).await.unwrap(), [7; 32]);
    }
}
