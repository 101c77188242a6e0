//! The machines of `models/hardware/`, in the program itself so that it needs no folder beside it.

/// A hardware file that comes with Ohmic.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name, and name of its folder.
    pub name: &'static str,
    /// Path of the file in the repository.
    pub path: &'static str,
    /// The text of the file.
    pub text: &'static str,
    /// What its paper publishes (`expected.toml`), if it has one.
    pub expected: Option<&'static str>,
}

macro_rules! preset {
    ($name:literal) => {
        Preset {
            name: $name,
            path: concat!("models/hardware/", $name, "/hardware.toml"),
            text: include_str!(concat!("../../../models/hardware/", $name, "/hardware.toml")),
            expected: None,
        }
    };
}

macro_rules! published {
    ($name:literal) => {
        Preset {
            expected: Some(include_str!(concat!("../../../models/hardware/", $name, "/expected.toml"))),
            ..preset!($name)
        }
    };
}

/// All of them.
pub const PRESETS: &[Preset] = &[
    preset!("generic_reram"),
    published!("isaac_isca_2016"),
    published!("forms_isca_2021"),
    published!("cap_ram_jssc_2021"),
    published!("jia_jssc_2020"),
    published!("neurram_nature_2022"),
    published!("puma_asplos_2019"),
    published!("timely_isca_2020"),
    published!("raella_isca_2023"),
    published!("lstm_nvm_icrc_2019"),
];

/// The preset of that name.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.name == name)
}

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|p| p.name)
}
