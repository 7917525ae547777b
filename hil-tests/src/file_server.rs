//! A web server of one file after another, as updates come from one: with ranges, which a streaming client asks for.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::services::ServeDir;

/// A server; dropping it ends it.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl FileServer {
    /// Serves the files of the folder that `file` is in, at an address of this machine.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn of_the_folder_of(file: &Path, host: &str) -> Result<Self> {
        let folder: PathBuf = file.parent().context("a file is in a folder")?.to_owned();
        let listener = TcpListener::bind((host, 0)).await.with_context(|| format!("listening at {host}"))?;
        let address = listener.local_addr().context("asking for the address")?;
        let routes = Router::new().fallback_service(ServeDir::new(folder));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("file server: {error}");
            }
        });
        Ok(Self { address, task })
    }

    /// The address of a file.
    pub fn url(&self, file: &Path) -> String {
        format!("http://{}/{}", self.address, file.file_name().unwrap_or_default().to_string_lossy())
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
