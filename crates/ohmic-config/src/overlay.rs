//! Merging and setting on plain TOML tables, for texts whose places do not matter any more. Where
//! they do, see [`crate::document::Document`].

/// `over` laid over `base`: tables are merged key by key, anything else replaces. A table that
/// states another `kind` than the base's replaces it as a whole.
pub fn merge(mut base: toml::Table, over: toml::Table) -> toml::Table {
    let kind = |t: &toml::Table| t.get("kind").and_then(|k| k.as_str()).map(str::to_owned);
    if matches!((kind(&base), kind(&over)), (Some(a), Some(b)) if a != b) {
        return over;
    }
    for (key, value) in over {
        let merged = match (base.remove(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => toml::Value::Table(merge(old, new)),
            (_, new) => new,
        };
        base.insert(key, merged);
    }
    base
}

/// Sets the value at a dotted path, making tables on the way.
///
/// # Errors
/// The path is empty somewhere, or runs through a value that is not a table.
pub fn set_path(table: &mut toml::Table, path: &str, value: toml::Value) -> Result<(), String> {
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    if key.is_empty() {
        return Err(format!("`{path}` is not a key path like `device.sigma_ln`"));
    }
    let Some(rest) = rest else {
        table.insert(key.to_owned(), value);
        return Ok(());
    };
    match table.entry(key).or_insert_with(|| toml::Value::Table(toml::Table::new())) {
        toml::Value::Table(inner) => set_path(inner, rest, value),
        other => Err(format!("`{key}` is a {}, it has no keys below it", other.type_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn tables_merge_and_kinds_replace() {
        let merged = merge(table("a = 1\n[d]\nx = 1\ny = 2"), table("[d]\nx = 3"));
        assert_eq!(merged, table("a = 1\n[d]\nx = 3\ny = 2"));
        let merged = merge(table("[d]\nkind = 'a'\nx = 1"), table("[d]\nkind = 'b'"));
        assert_eq!(merged, table("[d]\nkind = 'b'"));
    }

    #[test]
    fn paths_make_tables_and_refuse_values() {
        let mut t = table("[adc]\nbits = 8");
        set_path(&mut t, "adc.bits", 4.into()).unwrap();
        set_path(&mut t, "device.sigma_ln", 0.5.into()).unwrap();
        assert_eq!(t, table("[adc]\nbits = 4\n[device]\nsigma_ln = 0.5"));
        assert!(set_path(&mut t, "adc.bits.x", 1.into()).unwrap_err().contains("`bits` is a integer"));
        assert!(set_path(&mut t, "", 1.into()).is_err());
    }
}
