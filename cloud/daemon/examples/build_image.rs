//! Builds the machine image into the cache, as bring-up does.

fn main() -> Result<(), cloud_daemon::Error> {
    let image = cloud_daemon::image::build(&cloud_daemon::image::default_cache(), &|step| tracing::info!("{step}"))?;
    tracing::info!(root = %image.root.display(), "built");
    Ok(())
}
