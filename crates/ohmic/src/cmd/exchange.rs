//! What tiles send each other, with every placement of them: a table and JSON for `map` and `cost`.

use crate::text::{self, digits, quantity};
use ohmic_execution::Activity;
use ohmic_hardware::{Hardware, Placement};
use ohmic_mapping::Plan;
use ohmic_metrics::{Communication, communication};
use serde_json::{Value, json};

/// One line a placement, the file's own marked; nothing without `[interconnect]`.
pub(crate) fn text(plan: &Plan, hardware: &Hardware, activity: &Activity) -> String {
    let all = communication(plan, hardware, activity);
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|c| {
            vec![
                format!("{}{}", c.placement.name(), if c.is_chosen { " *" } else { "" }),
                quantity(c.load.bytes, "B"),
                quantity(c.load.byte_hops, "B"),
                quantity(c.load.busiest().map_or(0.0, |b| b.1), "B"),
                c.energy_joule.map_or("not priced".to_owned(), |e| quantity(e, "J")),
                quantity(c.time_s, "s"),
                c.edp().map_or("-".to_owned(), |edp| quantity(edp, "J s")),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let table = text::columns(
        &["placement", "sent", "times links", "busiest link", "energy", "time", "energy x time"],
        &rows,
    );
    let mut out = format!("\nbetween tiles, an inference (* as the file says)\n{table}");
    if let Some(gain) = gain(&all) {
        out.push_str(&gain);
    }
    if let Some(crossing) = all.first().map(|c| c.load.between_chips).filter(|&b| b > 0.0) {
        let crossing = quantity(crossing, "B");
        out.push_str(&format!(
            "{crossing} of it between chips; what that takes beyond their routers is not counted\n"
        ));
    }
    out
}

/// What the file's placement gains over the plain one.
fn gain(all: &[Communication]) -> Option<String> {
    let plain = all.iter().find(|c| c.placement == Placement::Order)?;
    let chosen = all.iter().find(|c| c.is_chosen && c.placement != Placement::Order)?;
    let over = |plain: f64, chosen: f64| match chosen > 0.0 {
        true => format!("{} x", digits(plain / chosen)),
        false => "-".to_owned(),
    };
    let edp = plain.edp().zip(chosen.edp()).map_or("-".to_owned(), |(a, b)| over(a, b));
    let energy = plain.energy_joule.zip(chosen.energy_joule).map_or("-".to_owned(), |(a, b)| over(a, b));
    Some(format!(
        "{} over order: energy {energy}, time {}, energy x time {edp}\n",
        chosen.placement.name(),
        over(plain.time_s, chosen.time_s)
    ))
}

/// The same for programs.
pub(crate) fn json(plan: &Plan, hardware: &Hardware, activity: &Activity) -> Value {
    let of = |c: &Communication| {
        json!({ "placement": c.placement.name(), "chosen": c.is_chosen, "bytes": c.load.bytes,
                "byte_hops": c.load.byte_hops, "router_bytes": c.load.router_bytes, "link_bytes": c.load.link_bytes,
                "busiest_link_bytes": c.load.busiest().map_or(0.0, |b| b.1),
                "between_chips_bytes": c.load.between_chips, "energy_joule": c.energy_joule, "time_s": c.time_s,
                "edp_joule_s": c.edp() })
    };
    communication(plan, hardware, activity).iter().map(of).collect()
}
