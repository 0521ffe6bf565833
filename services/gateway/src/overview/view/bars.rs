//! Bars side by side, as SVG. What they show stands in a table beside them, which is what readers of the
//! screen get.

use maud::{Markup, Render, html};

const WIDTH: i64 = 385;
const HEIGHT: i64 = 190;
/// Room for the names below, and for the greatest number above.
const BELOW: i64 = 26;
const ABOVE: i64 = 20;
/// How wide a bar is with the gap beside it, at most.
const BAR: i64 = 16;
/// Above so many days only every fourth has its name, and no bar its number.
const FEW: usize = 10;

/// Three rows of numbers, by day.
pub(super) struct Bars<'a> {
    /// The days.
    pub(super) names: &'a [String],
    /// What is counted.
    pub(super) series: [&'a str; 3],
    /// How much of each, by day.
    pub(super) rows: &'a [[i64; 3]],
}

impl Render for Bars<'_> {
    fn render(&self) -> Markup {
        let most = self.rows.iter().flatten().copied().max().unwrap_or(0).max(1);
        let step = WIDTH / i64::try_from(self.names.len().max(1)).unwrap_or(1);
        let (floor, few) = (HEIGHT - BELOW, self.names.len() <= FEW);
        let bar = BAR.min(step / 4).max(2);
        let wide = (bar - 3).max(bar * 2 / 3);
        let tall = |n: i64| (floor - ABOVE) * n.max(0) / most;
        html! {
            p.legend aria-hidden="true" {
                @for (n, name) in self.series.iter().enumerate() {
                    span { span class=(format!("key s{n}")) {} (name) } " "
                }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) aria-hidden="true" focusable="false" {
                line.floor x1="0" x2=(WIDTH) y1=(floor) y2=(floor) {}
                @for (day, (name, row)) in (0..).zip(self.names.iter().zip(self.rows)) {
                    @let left = day * step + (step - 3 * bar) / 2;
                    @for (n, value) in (0..).zip(row) {
                        @let height = tall(*value);
                        rect class=(format!("s{n}")) x=(left + n * bar) y=(floor - height)
                            width=(wide) height=(height) {}
                        @if few && *value > 0 {
                            text.value x=(left + n * bar + wide / 2) y=(floor - height - 5) {
                                (value)
                            }
                        }
                    }
                    @if few || day % 4 == 3 {
                        text.day x=(day * step + step / 2) y=(HEIGHT - 8) { (name) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_number_is_as_tall_as_there_is_room_and_nothing_is_no_bar() {
        let names = ["1 Mar".to_owned(), "2 Mar".to_owned()];
        let rows = [[4, 0, 2], [0, 0, 0]];
        let svg = Bars { names: &names, series: ["a", "b", "c"], rows: &rows }.render();
        let svg = svg.into_string();
        let heights: Vec<_> = svg
            .split("<rect")
            .skip(1)
            .map(|rect| rect.split("height=\"").nth(1).unwrap())
            .collect();
        let heights: Vec<i64> =
            heights.iter().map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect();
        assert_eq!(heights, [144, 0, 72, 0, 0, 0]);
        assert_eq!(svg.matches("class=\"value\"").count(), 2, "{svg}");
        let names: Vec<_> = (0..28).map(|day| day.to_string()).collect();
        let many = Bars { names: &names, series: ["a", "b", "c"], rows: &[[1, 1, 1]; 28] }.render();
        let many = many.into_string();
        assert_eq!((many.matches("<rect").count(), many.matches("class=\"day\"").count()), (84, 7));
        assert!(!many.contains("class=\"value\"") && !many.contains("width=\"0\""));
        let nothing = Bars { names: &[], series: ["a", "b", "c"], rows: &[] }.render();
        assert!(!nothing.into_string().contains("<rect"));
    }
}
