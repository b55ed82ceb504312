use super::{MediaType, PlanFormat, PlanOption, parse};

#[test]
fn known_types_are_told_in_any_case() {
    assert_eq!(MediaType::parse("Application/JSON; charset=utf-8"), MediaType::Json);
    assert_eq!(
        MediaType::parse("application/vnd.PGRST.object+json"),
        MediaType::Singular { stripped: false }
    );
    let stripped = MediaType::parse("application/vnd.pgrst.object+json; nulls=stripped");
    assert_eq!(stripped, MediaType::Singular { stripped: true });
    assert_eq!(MediaType::parse("application/vnd.pgrst.array+json"), MediaType::Json);
    assert_eq!(MediaType::parse("image/png"), MediaType::Other("image/png".to_owned()));
}

#[test]
fn a_plan_says_what_it_is_the_plan_of() {
    let text = "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=verbose|analyze";
    let plan = MediaType::Plan {
        of: Box::new(MediaType::Csv),
        format: PlanFormat::Json,
        options: vec![PlanOption::Analyze, PlanOption::Verbose],
    };
    assert_eq!(MediaType::parse(text), plan);
    assert_eq!(
        plan.content_type(),
        "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=analyze|verbose; charset=utf-8"
    );
}

#[test]
fn accepted_types_are_sorted_by_their_quality() {
    let sorted = parse::accept("text/html;q=0.2, application/json;q=0.9 , text/csv");
    assert_eq!(sorted, [MediaType::Csv, MediaType::Json, MediaType::Other("text/html".to_owned())]);
}

#[test]
fn plans_of_plans_end_somewhere() {
    let mut text = "application/json".to_owned();
    for _ in 0..50 {
        text = format!("application/vnd.pgrst.plan; for=\"{}\"", text.replace('"', ""));
    }
    assert!(matches!(MediaType::parse(&text), MediaType::Plan { .. }));
}
