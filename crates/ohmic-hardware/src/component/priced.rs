//! Figures as they stand in a table: energy per event, area, static power.

use super::scaling::{NODE, SUPPLY, Scaling, TO_NODE, TO_SUPPLY};
use super::{ComponentModel, CostModel, Level, Machine, OutsideValidity, SOURCE};
use crate::event::Event;
use ohmic_config::{Dimension, Error, KeyDoc, Kind, Section};

const PER: KeyDoc = KeyDoc::choice(
    "per",
    &[
        ("row", "every row of every crossbar"),
        ("adc", "every converter"),
        ("crossbar", "every crossbar"),
        ("macro", "every macro"),
        ("tile", "every tile"),
        ("chip", "the chip"),
    ],
    "what there are `count` instances for",
);
const COUNT: KeyDoc = KeyDoc::number("count", "instances per `per`; a fraction where several share one")
    .above(0.0)
    .optional("1");
const AREA: KeyDoc = KeyDoc::quantity("area", Dimension::Area, "area of one instance").at_least(0.0);
const LEAKAGE: KeyDoc =
    KeyDoc::quantity("leakage", Dimension::Power, "static power of one instance, drawn all the time")
        .at_least(0.0)
        .optional("0 W");
const CLOCKED: KeyDoc = KeyDoc::quantity(
    "clocked",
    Dimension::Power,
    "power of one instance while the layer it serves is at work; its clock is gated off otherwise",
)
.at_least(0.0)
.optional("0 W");
const RATES: KeyDoc = KeyDoc::table(
    "rates",
    "events a second that one instance takes at its peak, { bus_byte = \"10.24 GHz\" }: peak power counts so many",
)
.optional("as many as the crossbars in use ask for");
const RATE: KeyDoc = KeyDoc::quantity("rate", Dimension::Frequency, "events a second").above(0.0);
const EVENTS: KeyDoc = KeyDoc::table(
    "events",
    "energy of one of each event it takes part in, { shift_add = \"0.02 pJ\" }; `ohmic list event` shows the names",
)
.optional("no events: area and static power only");
const ENERGY: KeyDoc = KeyDoc::quantity("energy", Dimension::Energy, "energy of one event").at_least(0.0);
const FOR_ADC_BITS: KeyDoc = KeyDoc::integer(
    "for_adc_bits",
    1,
    32,
    "bits of the converter that the price of a conversion is for; another `adc.bits` is refused",
)
.optional("needed if `conversion` is priced");
const FOR_DAC_BITS: KeyDoc = KeyDoc::integer(
    "for_dac_bits",
    1,
    16,
    "bits of the driver that the price of a row drive is for; another `dac.bits` is refused",
)
.optional("needed if `row_drive` is priced");

pub(super) const KIND: Kind<dyn ComponentModel> = Kind {
    name: "priced",
    summary: "energy per event, area and static power as published",
    example: "per = \"macro\"\ncount = 4\narea = \"60 um2\"\nevents = { shift_add = \"0.021 pJ\" }\n\
              source = \"ISAAC, ISCA 2016\"",
    quiet: None,
    keys: &[
        SOURCE,
        PER,
        COUNT,
        AREA,
        LEAKAGE,
        CLOCKED,
        EVENTS,
        RATES,
        NODE,
        TO_NODE,
        SUPPLY,
        TO_SUPPLY,
        FOR_ADC_BITS,
        FOR_DAC_BITS,
    ],
    build: |s| {
        let per = match s.choice(&PER)? {
            "row" => Level::Row,
            "adc" => Level::Adc,
            "crossbar" => Level::Crossbar,
            "macro" => Level::Macro,
            "tile" => Level::Tile,
            _ => Level::Chip,
        };
        let names: Vec<_> = Event::ALL.iter().filter(|e| **e != Event::CellRead).map(|e| e.name()).collect();
        let events = if s.has(&EVENTS) { s.quantities(&EVENTS, &names, &ENERGY)? } else { vec![] };
        let known = |named: Vec<(&'static str, f64)>| -> Vec<(Event, f64)> {
            named.into_iter().filter_map(|(n, v)| Some((Event::from_name(n)?, v))).collect()
        };
        let scaling = Scaling::read(s)?;
        let mut events = known(events);
        events.iter_mut().for_each(|(_, joule)| *joule *= scaling.energy);
        let priced: Vec<_> = events.iter().map(|(e, _)| e.name()).collect();
        let rates = if s.has(&RATES) { known(s.quantities(&RATES, &priced, &RATE)?) } else { vec![] };
        let for_adc_bits = valid_for(s, &events, Event::Conversion, &FOR_ADC_BITS)?;
        let for_dac_bits = valid_for(s, &events, Event::RowDrive, &FOR_DAC_BITS)?;
        Ok(Box::new(Priced {
            per,
            count: s.number_if(&COUNT)?.unwrap_or(1.0),
            price: Price {
                area_m2: s.quantity(&AREA)? * scaling.area,
                leakage_watt: s.quantity_if(&LEAKAGE)?.unwrap_or(0.0),
                clocked_watt: s.quantity_if(&CLOCKED)?.unwrap_or(0.0) * scaling.energy,
                events,
                rates,
            },
            for_adc_bits,
            for_dac_bits,
        }))
    },
};

/// A fixed price must not follow a sweep over the bits it was published for.
fn valid_for(
    s: &Section<'_>,
    events: &[(Event, f64)],
    event: Event,
    key: &KeyDoc,
) -> Result<Option<u32>, Error> {
    let given = s.integer_if(key)?;
    if given.is_none() && events.iter().any(|(e, _)| *e == event) {
        let problem = format!("prices `{}` without saying for how many bits", event.name());
        let help = format!("add `{}`: a fixed price is refused for any other number of bits", key.key);
        return Err(s.invalid(EVENTS.key, problem, vec![], Some(help)));
    }
    Ok(given)
}

#[derive(Debug)]
struct Priced {
    per: Level,
    count: f64,
    price: Price,
    for_adc_bits: Option<u32>,
    for_dac_bits: Option<u32>,
}

#[derive(Clone, Debug)]
struct Price {
    area_m2: f64,
    leakage_watt: f64,
    clocked_watt: f64,
    events: Vec<(Event, f64)>,
    rates: Vec<(Event, f64)>,
}

impl ComponentModel for Priced {
    fn per(&self) -> Level {
        self.per
    }

    fn count(&self) -> f64 {
        self.count
    }

    fn fit(&self, machine: &Machine<'_>) -> Result<Box<dyn CostModel>, OutsideValidity> {
        for (key, is, valid) in [
            ("adc.bits", machine.adc_bits, self.for_adc_bits),
            ("dac.bits", machine.dac_bits, self.for_dac_bits),
        ] {
            if let Some(valid) = valid.filter(|v| *v != is) {
                return Err(OutsideValidity {
                    key,
                    value: is.to_string(),
                    valid: format!(
                        "its figures are for {key} = {valid} only; price it anew in [component] with the figure for {is}"
                    ),
                });
            }
        }
        Ok(Box::new(self.price.clone()))
    }
}

impl CostModel for Price {
    fn area_m2(&self) -> f64 {
        self.area_m2
    }

    fn leakage_watt(&self) -> f64 {
        self.leakage_watt
    }

    fn clocked_watt(&self) -> f64 {
        self.clocked_watt
    }

    fn rate_hz(&self, event: Event) -> Option<f64> {
        self.rates.iter().find(|(e, _)| *e == event).map(|(_, v)| *v)
    }

    fn energy_joule(&self, event: Event) -> Option<f64> {
        self.events.iter().find(|(e, _)| *e == event).map(|(_, v)| *v)
    }
}
