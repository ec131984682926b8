//! A table of text: the first column to the left, the others to the right.

#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).into()] }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Its lines, each with a line feed.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column| self.rows.iter().filter_map(move |row| row.get(column));
        let width = |column| cells(column).map(|cell: &String| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line += &match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["", "stack", "naive"]);
        table.row(["requests".into(), "5".into(), "1000".into()]);
        table.row(["×".into(), "1.25".into(), String::new()]);
        table.row(["no cells".into()]);
        let lines = ["          stack  naive", "requests      5   1000", "×          1.25", "no cells"];
        assert_eq!(table.text(), lines.map(|line| format!("{line}\n")).concat());
    }

    #[test]
    fn an_empty_table_is_no_text() {
        assert_eq!(Table::default().text(), "");
    }
}
