//! A small JSON Schema checker: the keywords that the vendors' descriptions use, with readable complaints.
//! Formats and patterns are not checked.

use serde_json::Value;

/// Follows `$ref` inside `root` until there is none.
pub fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    while let Some(target) = schema["$ref"].as_str() {
        match root.pointer(target.trim_start_matches('#')) {
            Some(found) => schema = found,
            None => return &Value::Null,
        }
    }
    schema
}

/// Everything in `value` that `schema` does not allow.
pub fn check(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    visit(root, schema, value, "", &mut wrong);
    wrong
}

fn visit(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let schema = resolve(root, schema);
    let place = if at.is_empty() { "the whole" } else { at };
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if !type_fits(&schema["type"], value) {
        wrong.push(format!("{place} must be {}, got {}", schema["type"], short(value)));
        return;
    }
    if schema.get("const").is_some_and(|wanted| wanted != value) {
        wrong.push(format!("{place} must be {}, got {}", schema["const"], short(value)));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        wrong.push(format!("{place} must be one of {}, got {}", schema["enum"], short(value)));
    }
    let sizes = [
        ("maxLength", value.as_str().map(|text| text.chars().count()), "characters"),
        ("maxItems", value.as_array().map(Vec::len), "items"),
        ("maxProperties", value.as_object().map(serde_json::Map::len), "properties"),
    ];
    for (keyword, size, unit) in sizes {
        let limit = schema[keyword].as_u64().and_then(|limit| usize::try_from(limit).ok());
        if let (Some(limit), Some(size)) = (limit, size)
            && size > limit
        {
            wrong.push(format!("{place} has {size} {unit}, at most {limit} are allowed"));
        }
    }
    if value.is_object() {
        visit_object(root, schema, value, at, wrong);
    }
    if let (Some(items), true) = (value.as_array(), schema["items"].is_object()) {
        for (index, item) in items.iter().enumerate() {
            visit(root, &schema["items"], item, &format!("{at}[{index}]"), wrong);
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        visit(root, part, value, at, wrong);
    }
    for forms in [&schema["anyOf"], &schema["oneOf"]] {
        if let Some(forms) = forms.as_array() {
            visit_forms(root, forms, value, at, wrong);
        }
    }
}

fn visit_object(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            wrong.push(format!("{at}.{name} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let here = format!("{at}.{name}");
        match schema["properties"].get(name) {
            Some(known) => visit(root, known, member, &here, wrong),
            None if schema["additionalProperties"] == false => wrong.push(format!("{here} is not known")),
            None if schema["additionalProperties"].is_object() => {
                visit(root, &schema["additionalProperties"], member, &here, wrong);
            }
            None => {}
        }
    }
}

/// Any form will do. When none fits, the one with the same `type` explains best.
fn visit_forms(root: &Value, forms: &[Value], value: &Value, at: &str, wrong: &mut Vec<String>) {
    let mut best: Option<Vec<String>> = None;
    for form in forms {
        let mut here = Vec::new();
        visit(root, form, value, at, &mut here);
        if here.is_empty() {
            return;
        }
        let same_type = resolve(root, form)["properties"]["type"]["const"] == value["type"];
        if same_type && value["type"].is_string() && best.as_ref().is_none_or(|best| here.len() < best.len())
        {
            best = Some(here);
        }
    }
    let nameless = || vec![format!("{} fits none of {} allowed forms: {}", at, forms.len(), short(value))];
    wrong.extend(best.unwrap_or_else(nameless));
}

fn type_fits(wanted: &Value, value: &Value) -> bool {
    match wanted {
        Value::String(name) => match name.as_str() {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "null" => value.is_null(),
            _ => true,
        },
        Value::Array(names) => names.is_empty() || names.iter().any(|name| type_fits(name, value)),
        _ => true,
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::check;

    #[test]
    fn complaints_name_the_place() {
        let root = json!({"definitions": {"n": {"type": "integer", "nullable": true}}});
        let schema = json!({
            "type": "object",
            "properties": {"list": {"type": "array", "items": {"$ref": "#/definitions/n"}}},
            "required": ["id"],
            "additionalProperties": false
        });
        let wrong = check(&root, &schema, &json!({"list": [1, null, "x"], "extra": 1}));
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong.iter().any(|w| w.starts_with(".list[2] must be")), "{wrong:?}");
    }
}
