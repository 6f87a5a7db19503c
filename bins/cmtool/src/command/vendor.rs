//! What the vendor makes: items and orders.

use licensing_wire::json::{
    ItemAnswer, ItemRequest, ModuleMessage, OrderAnswer, OrderLineMessage, OrderMailRequest, OrderRequest,
};
use serde_json::json;

use crate::args::{Global, ItemArguments, ItemCommand, OrderCommand};
use crate::command::events::new_key;
use crate::failure::Failure;
use crate::output::{Output, table};

pub(crate) fn item(global: &Global, command: ItemCommand, output: &Output) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    match command {
        ItemCommand::Create(arguments) => {
            let item = server.create_item(&item_request(*arguments)?)?;
            output.result(&item, || format!("item {} created", item.item.id));
        }
        ItemCommand::Show { id } => {
            let item = server.item(&id)?;
            output.result(&item, || items_table(std::slice::from_ref(&item)));
        }
        ItemCommand::List => {
            let mut items = Vec::new();
            let mut after = None;
            loop {
                let page = server.items(after.as_deref())?;
                items.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            output.result(&json!({ "items": items }), || items_table(&items));
        }
    }
    Ok(())
}

fn items_table(items: &[ItemAnswer]) -> String {
    let row = |answer: &ItemAnswer| {
        let item = &answer.item;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        vec![
            item.id.clone(),
            item.name.clone(),
            item.firm_code.to_string(),
            item.product_code.to_string(),
            text(&item.expires),
            item.unit_counter.map(|units| units.to_string()).unwrap_or_default(),
            text(&item.feature_map),
            item.containers.clone().unwrap_or_default().join(","),
            text(&item.returns),
        ]
    };
    let header = ["Item", "Name", "Firm", "Product", "Expires", "Units", "Features", "Containers", "Return"];
    table(&header, items.iter().map(row))
}

fn item_request(arguments: ItemArguments) -> Result<ItemRequest, Failure> {
    let module = |text: &String| {
        let (code, name) = text.split_once('=')?;
        let product_code = code.parse().ok()?;
        Some(ModuleMessage { product_code, name: name.to_owned(), feature_map: None })
    };
    let modules: Option<Vec<ModuleMessage>> = arguments.modules.iter().map(module).collect();
    let modules = modules.ok_or_else(|| Failure::new("usage", "a module is PRODUCT-CODE=NAME"))?;
    Ok(ItemRequest {
        id: arguments.id,
        name: arguments.name,
        firm_code: arguments.firm_code.get(),
        product_code: arguments.product_code.get(),
        license_quantity: arguments.license_quantity,
        expires: arguments.expires,
        activates: arguments.activates,
        usage_period: arguments.usage_period,
        maintenance: arguments.maintenance,
        unit_counter: arguments.unit_counter,
        feature_map: arguments.feature_map,
        text: arguments.text,
        containers: arguments.containers,
        tolerance: arguments.tolerance,
        returns: arguments.returns,
        reactivation: arguments.reactivation,
        restore: arguments.restore,
        split: arguments.split,
        access: arguments.access,
        borrow: arguments.borrow,
        linger: arguments.linger,
        modules,
        requires: arguments.requires,
        updates: arguments.updates,
        update_scope: arguments.update_scope,
        add_units: arguments.add_units,
        add_quantity: arguments.add_quantity,
        extend: arguments.extend,
        renew_maintenance: arguments.renew_maintenance,
        set_feature_map: arguments.set_feature_map,
        add_features: arguments.add_features,
    })
}

pub(crate) fn order(global: &Global, command: OrderCommand, output: &Output) -> Result<(), Failure> {
    let server = global.vendor_server()?;
    let order = match command {
        OrderCommand::Create { order_id, customer, comment, items, ticket, together } => {
            let items = items.iter().map(|line| order_line(line)).collect::<Result<_, _>>()?;
            let ticket = (ticket != "new").then_some(ticket);
            server.create_order(&OrderRequest { order_id, customer, comment, items, together, ticket })?
        }
        OrderCommand::Show { id } => server.order(&id)?,
        OrderCommand::Mail { id, to: None, language, .. } => {
            let mail = server.order_mail(&id, &language)?;
            output.result(&mail, || format!("subject {}\n\n{}", mail.subject, mail.text));
            return Ok(());
        }
        OrderCommand::Mail { id, to: Some(to), language, note, key } => {
            let request = OrderMailRequest { to, language: Some(language), note };
            let sent = server.mail_order(&id, &request, &key.unwrap_or_else(new_key))?;
            output.result(&sent, || format!("mail about order {} sent to {}", sent.order_id, sent.to));
            return Ok(());
        }
    };
    output.result(&order, || order_text(&order));
    Ok(())
}

/// `ID=QTY`; an item id may itself contain an equals sign, a quantity cannot.
fn order_line(text: &str) -> Result<OrderLineMessage, Failure> {
    let line = text.rsplit_once('=').and_then(|(item, quantity)| {
        Some(OrderLineMessage { item: item.to_owned(), quantity: quantity.parse().ok()? })
    });
    line.ok_or_else(|| Failure::new("usage", format!("{text}: an order line is ID=QTY")))
}

fn order_text(order: &OrderAnswer) -> String {
    let rows = order.licenses.iter().map(|license| {
        vec![
            license.id.clone(),
            license.item.clone(),
            license.name.clone(),
            format!("{} ({})", license.available, license.quantity),
        ]
    });
    let licenses = table(&["License", "Item", "Name", "Available"], rows);
    format!("order  {}\nticket {}\n{licenses}", order.order_id, order.ticket)
}
