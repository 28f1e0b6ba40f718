//! Messages for other programs: every line is as the schema says, and every document is SARIF.

use serde_json::Value;

use crate::sandbox::{Ran, Sandbox};

const SCHEMA: &str = include_str!("../../docs/messages.schema.json");
const HELLO: &str = "func main()\n    print(\"hello\")\n~\n";

/// Whether a value is as a schema says: the words of JSON Schema that ours uses, and nothing else.
fn fault(value: &Value, schema: &Value, root: &Value) -> Option<String> {
    let object = schema.as_object().expect("a schema is an object");
    object.iter().find_map(|(word, wanted)| {
        let complaint = match word.as_str() {
            "$ref" => {
                let path = wanted.as_str().and_then(|path| path.strip_prefix('#')).expect("within the schema");
                return fault(value, root.pointer(path).expect("defined"), root);
            }
            "oneOf" => {
                let faults: Vec<Option<String>> =
                    items(wanted).iter().map(|schema| fault(value, schema, root)).collect();
                let fitting = faults.iter().filter(|fault| fault.is_none()).count();
                (fitting != 1).then(|| format!("{fitting} of the forms fit: {faults:?}"))
            }
            "const" => (value != wanted).then(|| format!("is not {wanted}")),
            "enum" => (!items(wanted).contains(value)).then(|| format!("is none of {wanted}")),
            "type" => {
                let named = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                (!named.iter().any(|name| is(value, name.as_str().expect("a name")))).then(|| format!("is no {wanted}"))
            }
            "minimum" => (value.as_f64() < wanted.as_f64()).then(|| format!("is below {wanted}")),
            "required" => items(wanted)
                .iter()
                .find(|name| value.get(name.as_str().unwrap_or("")).is_none())
                .map(|name| format!("lacks {name}")),
            "items" => items(value).iter().find_map(|item| fault(item, wanted, root)),
            "additionalProperties" => {
                let described = object.get("properties");
                let fields = value.as_object().expect("`type` stands before").iter();
                let mut others =
                    fields.filter(|(name, _)| described.is_none_or(|known| known.get(name.as_str()).is_none()));
                others.find_map(|(_, field)| fault(field, wanted, root))
            }
            "properties" => {
                let fields = value.as_object().expect("`type` stands before");
                // Fields may be added to a schema, but to the description too.
                let unknown = fields.keys().find(|name| wanted.get(name.as_str()).is_none());
                unknown.map(|name| format!("has {name}, which is not described")).or_else(|| {
                    fields
                        .iter()
                        .find_map(|(name, field)| fault(field, &wanted[name], root).map(|f| format!("{name}: {f}")))
                })
            }
            "$schema" | "title" | "description" | "$defs" => None,
            other => panic!("the test does not know '{other}'"),
        };
        complaint.map(|complaint| format!("{value} {complaint}"))
    })
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the test does not know '{other}'"),
    }
}

/// The lines, each valid.
#[track_caller]
pub(crate) fn lines(run: &Ran) -> Vec<Value> {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let read = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(fault(&value, &schema, &schema), None, "{line}");
        value
    };
    run.stdout.lines().map(read).collect()
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["kind"].as_str().unwrap_or("")).collect()
}

/// A library with C, and a program that uses it and has a warning.
fn project(sandbox: &Sandbox, c: &str) {
    let manifest = "[library]\nname = \"n\"\nversion = \"1.0.0\"\nsource = [\"n.coex\"]\n[ffi.c]\nsource = [\"*.c\"]\n";
    sandbox.write("n/manifest.toml", manifest);
    sandbox.write("n/src/n.coex", "extern number() -> int\n~\n");
    sandbox.write("n/ffi/src/n.c", c);
    let main = "import \"n\"\nformula sqrt(x: float) -> float\n    return x\n~\nfunc main()\n    print(n.number())\n    print(sqrt(2.0))\n~\n";
    sandbox.write("main.coex", main);
}

#[test]
fn the_schema_is_not_all_embracing() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    for text in [
        r#"{"schema":"coexc/1","kind":"lunch"}"#,
        r#"{"schema":"coexc/2","kind":"text","text":"x"}"#,
        r#"{"schema":"coexc/1","kind":"text"}"#,
        r#"{"schema":"coexc/1","kind":"text","text":3}"#,
        r#"{"schema":"coexc/1","kind":"text","text":"x","more":1}"#,
        r#"{"schema":"coexc/1","kind":"build-finished","success":true,"status":-1}"#,
    ] {
        assert!(fault(&serde_json::from_str(text).expect("JSON"), &schema, &schema).is_some(), "{text}");
    }
    let sandbox = Sandbox::new();
    for words in [&["--print", "message-schema"][..], &["print", "message-schema"]] {
        assert_eq!(sandbox.coexc(words).stdout, SCHEMA);
    }
}

#[test]
fn every_message_of_a_build_is_as_the_schema_says() {
    let sandbox = Sandbox::new();
    project(&sandbox, "int number(void) { return 7; }\n");
    let words = [
        "build",
        "main.coex",
        "--message-format=json",
        "--explain-cache",
        "--print-commands",
        "--timings",
        "--report-isolation",
    ];
    let run = sandbox.coexc(&words);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    let cold = lines(&run);
    for kind in ["diagnostic", "artifact", "cache", "command", "timing", "text"] {
        assert!(kinds(&cold).contains(&kind), "{kind}: {}", run.stdout);
    }
    assert_eq!(kinds(&cold).last(), Some(&"build-finished"));
    let library = cold.iter().find(|line| line["subject"] == "library n 1.0.0").expect("told");
    assert_eq!((&library["result"], &library["reason"]), (&Value::from("miss"), &Value::from("first-seen")));
    // What comes out of the cache says the same.
    sandbox.coexc(&["build", "main.coex"]);
    let warm = lines(&sandbox.coexc(&words[..4]));
    assert_eq!(kinds(&warm), ["cache", "diagnostic", "artifact", "build-finished"]);
    assert_eq!((&warm[0]["result"], &warm[2]["changed"]), (&Value::from("hit"), &Value::from(false)));
    let diagnostic = cold.iter().find(|line| line["kind"] == "diagnostic").expect("told");
    assert_eq!(&warm[1], diagnostic);
}

#[test]
fn what_is_emitted_is_new_once() {
    let sandbox = Sandbox::new();
    sandbox.write("good.coex", HELLO);
    let changed = |output: &str| {
        let run = sandbox.coexc(&["emit", "ir", "good.coex", "-o", output, "--message-format=json"]);
        let told = lines(&run);
        let artifact = told.iter().find(|line| line["kind"] == "artifact").expect("told");
        artifact["changed"].as_bool().expect("yes or no")
    };
    assert!(changed("good.ir") && !changed("good.ir"));
    sandbox.write("good.coex", HELLO.replace("hello", "other"));
    assert!(changed("good.ir") && !changed("good.ir"));
    // A device has nothing to compare with.
    assert!(changed("/dev/null") && changed("/dev/null"));
}

#[test]
fn every_command_speaks_both_languages() {
    let sandbox = Sandbox::new();
    sandbox.write("bad.coex", "import gone\nfunc main()\n    print(totl)\n    total = \"1\" + 1\n~\n");
    sandbox.write("good.coex", HELLO);
    sandbox.write("bad.cxz", "no archive");
    sandbox.library("fine", "fine");
    let commands: [(&str, &[&str], i32); 12] = [
        ("coexc", &["build", "bad.coex"], 1),
        ("coexc", &["check", "bad.coex"], 1),
        ("coexc", &["check", "good.coex"], 0),
        ("coexc", &["run", "bad.coex"], 1),
        ("coexc", &["emit", "ir", "bad.coex"], 1),
        ("coexc", &["emit", "ir", "good.coex"], 0),
        ("coexc", &["build", "good.coex", "-o", "absent/x"], 3),
        ("coexc", &["emit", "obj", "good.coex", "-o", "absent/x"], 3),
        ("coexc", &["commentary", "bad.coex"], 1),
        ("coex", &["pkg", "verify", "bad.cxz"], 4),
        ("coex", &["pkg", "verify", "fine"], 0),
        ("coex", &["pkg", "pack", "fine", "-o", "absent/x.cxz"], 3),
    ];
    for (tool, words, status) in commands {
        let call = |format: &str| {
            // Before the program of `run`, whose own arguments follow it.
            let at = if words[0] == "pkg" { 2 } else { 1 };
            let words = [&words[..at], &[format], &words[at..]].concat();
            let run = if tool == "coexc" { sandbox.coexc(&words) } else { sandbox.coex(&words) };
            assert_eq!(run.status, status, "{words:?}: {}{}", run.stdout, run.stderr);
            run
        };
        let diagnostics =
            lines(&call("--message-format=json")).iter().filter(|line| line["kind"] == "diagnostic").count();
        let results = document(&call("--message-format=sarif").stdout);
        assert_eq!(diagnostics, results.len(), "{words:?}");
        assert_eq!(diagnostics == 0, status == 0, "{words:?}");
    }
}

/// The results of a document that has what SARIF 2.1.0 requires of what we write.
#[track_caller]
fn document(text: &str) -> Vec<Value> {
    assert!(!text.contains(":null"), "what is not known is left out: {text}");
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(document["version"], "2.1.0");
    assert!(document["$schema"].as_str().is_some_and(|schema| schema.ends_with("sarif-schema-2.1.0.json")));
    let run = &document["runs"][0];
    let driver = &run["tool"]["driver"];
    assert!(driver["name"].is_string() && run["columnKind"] == "unicodeCodePoints", "{text}");
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean(), "{text}");
    let rules: Vec<&Value> = items(&driver["rules"]).iter().map(|rule| &rule["id"]).collect();
    for result in items(&run["results"]) {
        assert!(rules.contains(&&result["ruleId"]), "{text}");
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap_or("")), "{text}");
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{text}");
        for place in items(&result["locations"]).iter().chain(items(&result["relatedLocations"])) {
            let place = &place["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
            assert!(!uri.is_empty() && uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
            assert!(place["region"]["startLine"].as_u64().is_some_and(|line| line > 0), "{text}");
        }
    }
    items(&run["results"]).to_vec()
}

#[test]
fn warnings_of_the_cache_are_results_too() {
    let sandbox = Sandbox::new();
    project(&sandbox, "int number(void) { return 7; }\n");
    let build = || document(&sandbox.coexc(&["build", "main.coex", "--message-format=sarif"]).stdout);
    let cold = build();
    assert!(cold.iter().any(|result| result["ruleId"] == "W0401" && result["level"] == "warning"), "{cold:?}");
    assert_eq!(build(), cold.into_iter().filter(|result| result["ruleId"] != "W1401").collect::<Vec<_>>());
}

#[test]
fn errors_of_clang_have_places() {
    let sandbox = Sandbox::new();
    project(&sandbox, "int number(void)\n{\n    return nothing;\n}\n");
    let run = sandbox.coexc(&["build", "main.coex", "--message-format=json"]);
    assert_eq!(run.status, 1);
    let found = lines(&run);
    let diagnostic = found.iter().find(|line| line["code"] == "E1114").expect("told");
    let child = items(&diagnostic["children"]).iter().find(|child| child["kind"] == "error").expect("told");
    assert_eq!((&child["file"], &child["line"], &child["col"]), (&"n/ffi/src/n.c".into(), &3.into(), &12.into()));
    assert_eq!(child["message"], "use of undeclared identifier 'nothing'");
    let results = document(&sandbox.coexc(&["build", "main.coex", "--message-format=sarif"]).stdout);
    let result = results.iter().find(|result| result["ruleId"] == "E1114").expect("told");
    let place = &result["relatedLocations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "n/ffi/src/n.c");
    assert_eq!(place["region"]["startLine"], 3);
}

#[test]
fn findings_of_the_doctor_are_as_the_schema_says() {
    let sandbox = Sandbox::new();
    let found = lines(&sandbox.coexc(&["doctor", "--message-format=json"]));
    assert!(found.len() > 5 && kinds(&found).iter().all(|kind| *kind == "finding"), "{found:?}");
    document(&sandbox.coexc(&["doctor", "--message-format=sarif"]).stdout);
}

#[test]
fn facts_are_printed() {
    let sandbox = Sandbox::new();
    let version: Value = serde_json::from_str(&sandbox.coexc(&["--print", "version-json"]).stdout).expect("JSON");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(sandbox.coexc(&["print", "target"]).stdout.trim(), version["target"].as_str().expect("text"));
    let paths = sandbox.coexc(&["--print", "search-paths", "-L", "one"]).stdout;
    let home = sandbox.path("home/.coex/lib");
    assert!(paths.starts_with(&format!("lib\none\n{}\n/usr/local/lib/coex\n", home.display())), "{paths}");
    assert_eq!(sandbox.coexc(&["--print", "lunch"]).status, 2);
}
