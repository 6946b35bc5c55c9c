//! What the fields of tables, records and lines belong to.

use super::*;

#[test]
fn a_comparison_is_read_by_columns() {
    let table =
        "# Trees\n\n| Property | Pomona | Ceres |\n|---|---|---|\n| Host | OVH | AWS |\n| Version | 1.0 | 2.0 |\n";
    let expected = [
        "Pomona | Host | OVH | Cell",
        "Ceres | Host | AWS | Cell",
        "Pomona | Version | 1.0 | Cell",
        "Ceres | Version | 2.0 | Cell",
    ];
    assert_eq!(fields(&reading("a.md", table)), expected);
    let html = "<h1>Trees</h1><table><tr><th>Property</th><th>Pomona</th><th>Ceres</th></tr><tr><td>Host</td><td>OVH</td>\
        <td>AWS</td></tr><tr><td>Version</td><td>1.0</td><td>2.0</td></tr></table>";
    assert_eq!(fields(&reading("a.html", html)), expected);
    let unknown = "# Trees\n\n| | Pomona | Ceres |\n|---|---|---|\n| Wood | oak | elm |\n| Bark | grey | brown |\n";
    assert_eq!(fields(&reading("a.md", unknown)), Vec::<String>::new());
}
