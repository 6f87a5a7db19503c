//! What a license is replaced by is chosen out of any number of items.

use serde_json::json;

use crate::roles::{OURS, form, visited};
use crate::world::World;

/// How many items the choice of a page offers, and whether its first is one.
fn offered(shown: &str, id: &str) -> (usize, bool) {
    let choice = shown.split("<select id=\"item\"").nth(1).and_then(|rest| rest.split("</select>").next());
    let choice = choice.unwrap_or_default();
    (
        choice.matches("<option value=\"").count().saturating_sub(1),
        choice.contains(&format!("value=\"{id}\"")),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn c13_a_replacement_is_found_among_many_items() {
    let world = World::new();
    let browser = world.user("vendor", "admin").await;
    let item = async |id: &str| {
        let item = json!({"id": id, "name": id, "firm_code": 6_000_010, "product_code": 201_000});
        assert_eq!(world.admin("POST", "/api/v1/items", &item).await.status, 201);
    };
    item("A").await;
    item("B").await;
    let order = json!({"order_id": "O", "items": [{"item": "A", "quantity": 1}]});
    let order = world.admin("POST", "/api/v1/orders", &order).await;
    let page = format!("/licenses/{}", order.json["licenses"][0]["id"].as_str().unwrap());
    let page = page.as_str();
    let shown =
        async |query: String| visited(&world, &browser, &format!("{page}{query}"), None, OURS).await.2;
    let few = shown(String::new()).await;
    assert_eq!(offered(&few, "B"), (1, true), "itself is no choice: {few}");
    assert!(!few.contains("name=\"begins\""), "few are simply shown");
    for number in 0..150 {
        item(&format!("MANY-{number:03}")).await;
    }
    item("Z-LAST").await;
    let many = shown(String::new()).await;
    assert!(many.contains("name=\"begins\"") && offered(&many, "B").0 == 0, "first one looks for it: {many}");
    let found = shown("?begins=Z-".to_owned()).await;
    assert_eq!(offered(&found, "Z-LAST"), (1, true), "{found}");
    assert!(found.contains("id=\"replace\" open") && found.contains("value=\"Z-\""));
    let more = shown("?begins=MANY".to_owned()).await;
    assert!(offered(&more, "MANY-099") == (100, true) && more.contains("id=\"item-more\""), "{more}");
    for nothing in ["NONE", "%3Cb%3E", "a%20b", "%00"] {
        let none = shown(format!("?begins={nothing}")).await;
        assert!(none.contains("id=\"replace\" open") && offered(&none, "B").0 == 0, "{nothing}: {none}");
    }
    let replaced = form(&[("item", "Z-LAST"), ("key", "k")]);
    let (status, to, _) = visited(&world, &browser, &format!("{page}/replace"), Some(&replaced), OURS).await;
    assert_eq!((status, to), (303, format!("{page}?done=replace")));
    assert!(shown(String::new()).await.contains("chip-replaced"));
}
