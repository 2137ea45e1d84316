//! Pushes images into a registry: what it has already is not sent.

use std::net::SocketAddr;

use super::image::Assembled;
use super::layer::LayerError;
use super::registry::{Registry, RegistryError};
use super::set::NamedImage;

/// What a push did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The repository, without the registry's host.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The digest of the manifest: names this very image.
    pub digest: String,
    /// How many bytes were sent; zero when the registry had everything.
    pub sent: u64,
}

/// A push failed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// A layer could not be read.
    #[error("failed to assemble image {image}")]
    Assemble {
        /// Repository and tag.
        image: String,
        /// Why.
        source: LayerError,
    },
    /// The registry failed or refused.
    #[error("failed to push image {image}")]
    Push {
        /// Repository and tag.
        image: String,
        /// Why.
        source: Box<RegistryError>,
    },
    /// The process is about to end.
    #[error("pushing image {image} was interrupted")]
    Interrupted {
        /// Repository and tag.
        image: String,
    },
}

/// Assembles `image` and pushes it into the registry `host`. `others` are repositories that may have its layers already.
pub async fn push(proxy: SocketAddr, host: &str, image: NamedImage, others: &[String]) -> Result<Pushed, PushError> {
    let name = format!("{}:{}", image.repository, image.tag);
    let NamedImage {
        name: _,
        stage: _,
        repository,
        tag,
        image,
    } = image;
    let assembled = tokio::task::spawn_blocking(move || image.assemble())
        .await
        .map_err(|_| PushError::Interrupted { image: name.clone() })?
        .map_err(|source| PushError::Assemble {
            image: name.clone(),
            source,
        })?;
    let digest = assembled.digest.clone();
    let sent = push_assembled(proxy, host, &repository, &tag, assembled, others)
        .await
        .map_err(|source| PushError::Push {
            image: name,
            source: Box::new(source),
        })?;
    Ok(Pushed {
        repository,
        tag,
        digest,
        sent,
    })
}

async fn push_assembled(
    proxy: SocketAddr,
    host: &str,
    repository: &str,
    tag: &str,
    image: Assembled,
    others: &[String],
) -> Result<u64, RegistryError> {
    let mut registry = Registry::connect(proxy, host).await?;
    let mut sent = 0;
    for (descriptor, layer) in image.layers {
        if registry.has_blob(repository, &descriptor.digest).await? {
            continue;
        }
        let owner = owner(&mut registry, &descriptor.digest, others).await?;
        registry.put_layer(repository, &descriptor, layer, owner).await?;
        if owner.is_none() {
            sent += descriptor.size;
        }
    }
    if !registry.has_blob(repository, &image.config_descriptor.digest).await? {
        registry
            .put_bytes(repository, &image.config_descriptor, image.config)
            .await?;
    }
    registry.put_manifest(repository, tag, image.manifest).await?;
    Ok(sent)
}

async fn owner<'a>(
    registry: &mut Registry,
    digest: &str,
    others: &'a [String],
) -> Result<Option<&'a str>, RegistryError> {
    for other in others {
        if registry.has_blob(other, digest).await? {
            return Ok(Some(other));
        }
    }
    Ok(None)
}
