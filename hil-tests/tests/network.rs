//! Networks of other shapes than loopback, each a network namespace of the case's own.
//!
//! Who may not make one gets the cases ignored, with the reason.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::ids::EndpointId;
use doorway_proto::signaling::{ClientMessage, ClientSignal, StationSignal, ToClient};
use hil_tests::case::{Case, case, run_unless};
use hil_tests::device::{Config, Device, Simulated, free_port};
use hil_tests::lab;
use hil_tests::peer::Socket;

const CASE: Duration = Duration::from_secs(60);

/// A router that the station runs on.
const LAN: &str = "192.0.2.1";
const CONTAINERS: &str = "198.51.100.1";

fn main() -> ExitCode {
    let cases: [(&'static str, fn()); 4] = [
        ("a_routers_bridge_is_offered_and_one_of_containers_is_not", routers_bridge),
        ("what_has_the_default_route_is_offered_whatever_it_is_called", default_route),
        ("every_address_means_ipv4_too_where_the_system_says_otherwise", ipv6_only),
        ("every_address_means_ipv4_where_ipv6_is_off", ipv6_off),
    ];
    run_unless(lab::without_a_network().as_deref(), cases)
}

/// Runs a case in a network of its own.
fn alone(body: impl AsyncFnOnce(&Case) -> Result<()>) {
    case(CASE, async |case| {
        lab::leave()?;
        body(case).await
    });
}

fn routers_bridge() {
    alone(async |case| {
        bridge("br-lan", LAN)?;
        bridge("br-0a1b2c3d4e5f", CONTAINERS)?;
        offers_only_the_lan(case).await
    });
}

fn default_route() {
    alone(async |case| {
        bridge("br-0a1b2c3d4e5f", LAN)?;
        bridge("docker0", CONTAINERS)?;
        lab::ip(&["route", "add", "default", "via", "192.0.2.9"])?;
        offers_only_the_lan(case).await
    });
}

fn ipv6_only() {
    alone(async |case| {
        set("net/ipv6/bindv6only", "1")?;
        let (mut device, port) = on_every_address(case).await?;
        answers((Ipv4Addr::LOCALHOST, port).into()).await?;
        answers((Ipv6Addr::LOCALHOST, port).into()).await?;
        device.stop().await
    });
}

fn ipv6_off() {
    alone(async |case| {
        set("net/ipv6/conf/all/disable_ipv6", "1")?;
        let (mut device, port) = on_every_address(case).await?;
        answers((Ipv4Addr::LOCALHOST, port).into()).await?;
        device.stop().await
    });
}

fn bridge(name: &str, address: &str) -> Result<()> {
    lab::ip(&["link", "add", name, "type", "bridge"])?;
    lab::ip(&["address", "add", &format!("{address}/24"), "dev", name])?;
    lab::ip(&["link", "set", name, "up"])
}

/// A setting of the kernel for this network.
fn set(key: &str, value: &str) -> Result<()> {
    fs::write(format!("/proc/sys/{key}"), value).with_context(|| format!("setting {key}"))
}

/// What a client is offered, where the station chooses the interfaces itself.
async fn offers_only_the_lan(case: &Case) -> Result<()> {
    let mut device = Simulated::start(case, Config::default().with("network.interfaces", Vec::<String>::new())).await?;
    let (mut socket, _) = Socket::enter(&device.socket()).await?;
    socket.send(&ClientMessage::Signal { to: EndpointId::new("front-door")?, signal: ClientSignal::Watch {} }).await?;
    let offer = socket
        .wait_for("an offer", |message| {
            let ToClient::Signal { signal: StationSignal::Offer { offer, .. }, .. } = message else { return None };
            Some(offer)
        })
        .await?;
    let candidates: Vec<&str> = offer.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    ensure!(candidates.iter().any(|line| line.contains(LAN)), "the LAN is not offered: {candidates:?}");
    ensure!(!candidates.iter().any(|line| line.contains(CONTAINERS)), "containers are offered: {candidates:?}");
    drop(socket);
    device.stop().await
}

async fn on_every_address(case: &Case) -> Result<(Simulated, u16)> {
    let port = free_port()?;
    let listen = format!("[::]:{port}");
    let config = Config::default().with("companion.listen", listen).with("companion.secret", "correct horse battery");
    Ok((Simulated::start(case, config).await?, port))
}

async fn answers(address: SocketAddr) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let answer = http.get(format!("http://{address}/healthz")).send().await;
    ensure!(answer.with_context(|| format!("asking {address}"))?.status() == 200, "{address} is not well");
    Ok(())
}
