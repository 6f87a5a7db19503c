//! The database goes from a file to a PostgreSQL server and back while containers are in the field: they notice nothing.

#[path = "support/site.rs"]
mod site;

use licensing_testkit::postgres::Cluster;
use site::Site;

#[test]
fn containers_in_the_field_go_on_working_while_the_database_moves() {
    let (site, database) = (Site::new(None), Cluster::shared().database());
    let url = database.url();
    let mut server = site.serve(None);
    let vendor = site.computer("vendor", server.address);
    let (ticket, license) = vendor.sell("O-1", 9);
    let mut holder = site.computer("holder", server.address);
    let serial = holder.dongle();
    let words = |verb: &'static str, share: &str| {
        [verb, "--ticket", &ticket, "--container", &serial, "--license", share].map(str::to_owned)
    };
    let words = |verb, quantity| words(verb, &format!("{license}={quantity}"));
    let go = |computer: &site::Computer, words: [String; 7]| {
        computer.ok(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    go(&holder, words("activate", 4));
    // By file: the request is answered before the move, the update arrives after it.
    let offline = site.computer("offline", server.address);
    let offline_serial = offline.dongle();
    let context = offline.context(&offline_serial);
    let update = site.path("offline.WibuCmRaU");
    let share = format!("{license}=2");
    vendor.ok(&[
        "transfer",
        "request",
        "--ticket",
        &ticket,
        "--activate",
        &share,
        "--context",
        &context,
        "--out",
        &update,
    ]);
    assert_eq!(vendor.books(&ticket), (3, 2));

    server.kill();
    site.relocate(&site.path("central"), &url);
    let mut server = site.serve(Some(&url));
    (holder.address,) = (server.address,);
    let vendor = site.computer("vendor", server.address);
    assert_eq!(vendor.books(&ticket), (3, 2));
    go(&holder, words("deactivate", 1));
    offline.ok(&["update", "import", &update]);
    let receipt = offline.context(&offline_serial);
    vendor.ok(&["transfer", "receipt", &receipt]);
    assert_eq!(vendor.books(&ticket), (4, 0));

    server.kill();
    let back = site.path("elsewhere");
    site.relocate(&url, &back);
    for name in ["keys", "central.toml", "admin.token"] {
        std::fs::rename(site.data().join(name), std::path::Path::new(&back).join(name)).unwrap();
    }
    std::fs::rename(site.data(), site.path("old")).unwrap();
    std::fs::rename(&back, site.data()).unwrap();
    let server = site.serve(None);
    holder.address = server.address;
    let vendor = site.computer("vendor", server.address);
    go(&holder, words("activate", 2));
    go(&holder, words("deactivate", 1));
    assert_eq!((holder.held(&serial), offline.held(&offline_serial)), (4, 2));
    assert_eq!(vendor.books(&ticket), (3, 0));
    let history = vendor.ok(&["license", "history", &license]);
    assert!(history.to_string().contains("activation_confirmed"), "{history}");
    site.audit(None, &[(holder, serial.clone()), (offline, offline_serial)]);
}
