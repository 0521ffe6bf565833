//! Reads complaints: which form a file has is told by its header. Anything else is refused before
//! anything is played.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use csv::StringRecord;
use flate2::bufread::MultiGzDecoder;
use jiff::civil::Date;
use kernel::Locale;

/// The complaints that ship with the suite.
const SHIPPED: &[u8] = include_bytes!("../../data/complaints_en.csv.gz");
/// How a gzip file starts.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The limits of the contract, in characters.
const TITLE: usize = 200;
const WHAT: usize = 32_000;

/// The forms that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Complaints about banks as the Consumer Financial Protection Bureau publishes them; English.
    Bank,
    /// Complaints of car owners with the fault codes of their site; Chinese.
    Cars,
}

impl Form {
    const ALL: [Self; 2] = [Self::Bank, Self::Cars];

    /// Its name, part of every request id: never changed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bank => "cfpb",
            Self::Cars => "cars",
        }
    }

    /// The language of its texts.
    pub(crate) fn locale(self) -> Locale {
        match self {
            Self::Bank => Locale::En,
            Self::Cars => Locale::Zh,
        }
    }

    /// The same as a tag.
    pub(crate) fn language(self) -> &'static str {
        match self.locale() {
            Locale::En => "en",
            Locale::Zh => "zh",
        }
    }

    /// The columns that are read; others may stand between them.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Bank => &[
                "Complaint ID",
                "Date received",
                "Product",
                "Issue",
                "Sub-issue",
                "Submitted via",
                "Consumer complaint narrative",
            ],
            Self::Cars => &["id", "date", "brand", "car_model", "problem_codes", "text"],
        }
    }
}

/// What a complaint is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Product {
    /// Its id in the catalogue.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) title: String,
    /// Its model, where it has one.
    pub(crate) model: String,
    /// Its brand, where it has one.
    pub(crate) brand: String,
}

/// One complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// Its id in the file.
    pub(crate) id: String,
    /// When it was made; not all are dated.
    pub(crate) date: Option<Date>,
    /// The matter in one line.
    pub(crate) title: String,
    /// The customer's own words.
    pub(crate) what: String,
    /// What it is about.
    pub(crate) product: Product,
    /// The bank's issue, or the car's first fault code; empty where there is none.
    pub(crate) topic: String,
    /// How it reached the bank; empty for cars.
    pub(crate) via: String,
}

/// A file of complaints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) form: Form,
    /// The tenant that they are played in; of a file the one that is named, or the first that speaks
    /// their language.
    pub(crate) tenant: Option<&'static str>,
    pub(crate) rows: Vec<Text>,
    /// How many rows have no text, and so are left out.
    pub(crate) left_out: usize,
}

/// The complaints that ship with the suite.
pub(crate) fn shipped() -> Result<Texts> {
    let texts = read(SHIPPED).context("the shipped complaints cannot be read")?;
    Ok(Texts { tenant: Some("meridian"), ..texts })
}

/// The complaints of a file, compressed or not.
pub(crate) fn file(path: &Path) -> Result<Texts> {
    let named = || path.display().to_string();
    let file = File::open(path).with_context(named)?;
    read(BufReader::new(file)).with_context(named)
}

/// Reads a whole file, so that a fault at its end is found before its start is played.
pub(super) fn read(mut from: impl BufRead) -> Result<Texts> {
    if from.fill_buf()?.starts_with(&GZIP) { parse(MultiGzDecoder::new(from)) } else { parse(from) }
}

fn parse(from: impl Read) -> Result<Texts> {
    let mut reader = csv::Reader::from_reader(from);
    let (form, columns) = form(reader.headers().context("the header cannot be read")?)?;
    let mut texts = Texts { form, tenant: None, rows: Vec::new(), left_out: 0 };
    let mut ids = BTreeSet::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields = Fields { record: &record, columns: &columns, form };
        match text(&fields).with_context(|| format!("line {line}"))? {
            None => texts.left_out += 1,
            Some(text) => {
                ensure!(ids.insert(text.id.clone()), "line {line}: id `{}` comes twice", text.id);
                texts.rows.push(text);
            }
        }
    }
    Ok(texts)
}

/// The form whose columns the header has, and where they are.
fn form(header: &StringRecord) -> Result<(Form, Vec<usize>)> {
    let place = |column: &&str| {
        header.iter().position(|name| name.trim_start_matches('\u{feff}').trim() == *column)
    };
    for form in Form::ALL {
        let places: Option<Vec<_>> = form.columns().iter().map(place).collect();
        if let Some(places) = places {
            return Ok((form, places));
        }
    }
    let forms = Form::ALL.map(|form| format!("`{}`", form.columns().join("`, `")));
    let found: Vec<_> = header.iter().take(20).collect();
    bail!(
        "this is no file of complaints: its header has neither {}; it has `{}`",
        forms.join(" nor "),
        found.join("`, `")
    )
}

/// One row by the names of its form's columns.
struct Fields<'a> {
    record: &'a StringRecord,
    columns: &'a [usize],
    form: Form,
}

impl<'a> Fields<'a> {
    fn get(&self, column: &str) -> &'a str {
        let place = self.form.columns().iter().position(|name| *name == column);
        place
            .and_then(|place| self.columns.get(place))
            .and_then(|place| self.record.get(*place))
            .unwrap_or_default()
            .trim()
    }

    fn date(&self, column: &str) -> Result<Option<Date>> {
        let text = self.get(column);
        if text.is_empty() {
            return Ok(None);
        }
        let date: Date = text.parse().with_context(|| format!("`{text}` is no date"))?;
        Ok(Some(date))
    }
}

/// The complaint of a row; `None` where it has no text.
fn text(fields: &Fields<'_>) -> Result<Option<Text>> {
    let (id, what) = match fields.form {
        Form::Bank => ("Complaint ID", "Consumer complaint narrative"),
        Form::Cars => ("id", "text"),
    };
    let (id, what) = (fields.get(id), fields.get(what));
    if what.is_empty() {
        return Ok(None);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ensure!((1..=64).contains(&id.len()) && id.chars().all(plain), "`{id}` is no id");
    let what = cut(what, WHAT);
    Ok(Some(match fields.form {
        Form::Bank => bank(fields, id, what)?,
        Form::Cars => cars(fields, id, what)?,
    }))
}

fn bank(fields: &Fields<'_>, id: &str, what: String) -> Result<Text> {
    let (product, issue, detail) =
        (fields.get("Product"), fields.get("Issue"), fields.get("Sub-issue"));
    ensure!(!product.is_empty(), "no product");
    ensure!(!issue.is_empty(), "no issue");
    let title = if detail.is_empty() { issue.to_owned() } else { format!("{issue}: {detail}") };
    Ok(Text {
        id: id.to_owned(),
        date: fields.date("Date received")?,
        title: cut(&title, TITLE),
        what,
        product: Product {
            id: code(product),
            title: cut(product, TITLE),
            model: String::new(),
            brand: String::new(),
        },
        topic: issue.to_owned(),
        via: fields.get("Submitted via").to_owned(),
    })
}

fn cars(fields: &Fields<'_>, id: &str, what: String) -> Result<Text> {
    let (brand, model) = (fields.get("brand"), fields.get("car_model"));
    ensure!(!brand.is_empty(), "no brand");
    let title = format!("{brand} {model}");
    // Some rows have the state of the complaint where the codes should be.
    let topic = fields.get("problem_codes").split(',').map(str::trim).find(|code| is_fault(code));
    Ok(Text {
        id: id.to_owned(),
        date: fields.date("date")?,
        title: cut(&what, TITLE),
        what,
        product: Product {
            id: format!("car-{}", short_hash(&format!("{brand}\0{model}"))),
            title: cut(title.trim(), TITLE),
            model: cut(model, TITLE),
            brand: cut(brand, TITLE),
        },
        topic: topic.unwrap_or_default().to_owned(),
        via: String::new(),
    })
}

/// Whether this is a fault code: a letter, which is the component, and a number.
fn is_fault(code: &str) -> bool {
    let mut chars = code.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase())
        && (2..=8).contains(&code.len())
        && chars.all(|c| c.is_ascii_digit())
}

/// The first `most` characters.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// A text as an id or a code: lower case, `-` for everything else, at most 64 characters. What is
/// cut off, or has no letter of ours, is made up for by a part of its hash.
pub(crate) fn code(text: &str) -> String {
    const MOST: usize = 64;
    let mut code = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            code.push(c.to_ascii_lowercase());
        } else if !code.is_empty() && !code.ends_with('-') {
            code.push('-');
        }
    }
    let code = code.trim_end_matches('-');
    if (1..=MOST).contains(&code.len()) {
        return code.to_owned();
    }
    let hash = short_hash(text);
    let start = &code[..code.len().min(MOST - hash.len() - 1)];
    format!("{}-{hash}", start.trim_end_matches('-')).trim_start_matches('-').to_owned()
}

/// Twelve hexadecimal digits of a text's hash.
fn short_hash(text: &str) -> String {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&kernel::keys::digest(text.as_bytes())[..6]);
    format!("{:012x}", u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const CARS: &str = "id,brand,car_model,type,text,problem_codes,date,status,component_letters\n\
        480799,吉利汽车,星越,2020款 350T,吉利星越车机系统虚假宣传 卡顿严重,\"H155,M279,\",2020-06-05,用户评分,H|M\n\
        511675,南京依维柯,依维柯褒迪,2016款,车顶左右两侧漆面开裂,信息审核,2020-08-20,511675,\n\
        511676,南京依维柯,依维柯褒迪,2016款, ,\"A1,\",2020-08-20,信息审核,A\n";

    fn fault(text: &str) -> String {
        format!("{:#}", read(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn the_shipped_complaints_are_read_whole() {
        let texts = shipped().unwrap();
        assert_eq!((texts.form, texts.rows.len(), texts.left_out), (Form::Bank, 389, 0));
        for text in &texts.rows {
            assert!(text.date.is_some() && !text.title.is_empty() && text.what.len() > 20);
            assert_eq!(text.via, "Web");
        }
    }

    #[test]
    fn cars_are_read_with_their_first_fault() {
        let texts = read(CARS.as_bytes()).unwrap();
        assert_eq!((texts.form, texts.rows.len(), texts.left_out), (Form::Cars, 2, 1));
        assert_eq!(texts.rows[0].topic, "H155");
        assert_eq!(texts.rows[0].product.title, "吉利汽车 星越");
        assert_eq!(texts.rows[1].topic, "");
        assert_ne!(texts.rows[0].product.id, texts.rows[1].product.id);
    }

    #[test]
    fn a_compressed_file_is_the_same_file() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(CARS.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(read(gzip.as_slice()).unwrap(), read(CARS.as_bytes()).unwrap());
        assert!(read(&gzip[..gzip.len() / 2]).is_err());
    }

    #[test]
    fn what_is_no_file_of_complaints_is_refused_with_its_line() {
        assert!(fault("name,phone\nA,1\n").contains("it has `name`, `phone`"));
        assert!(fault("").contains("no file of complaints"));
        let again = format!("{CARS}480799,B,M,T,x,\"A1,\",2020-06-05,s,A\n");
        assert!(fault(&again).contains("line 5: id `480799` comes twice"));
        let date = CARS.replace("2020-06-05", "05.06.2020");
        assert!(fault(&date).contains("line 2: `05.06.2020` is no date"), "{}", fault(&date));
        assert!(fault(&CARS.replace("480799", "no id")).contains("line 2: `no id` is no id"));
        let short = format!("{CARS}480800,B\n");
        assert!(fault(&short).contains("line: 5"), "{}", fault(&short));
    }

    #[test]
    fn codes_are_short_and_keep_different_texts_apart() {
        assert_eq!(code("Fees or interest"), "fees-or-interest");
        assert_eq!(code("  (Can't) "), "can-t");
        let long = "Credit reporting, credit repair services, or other personal consumer reports";
        let code_ = code(long);
        assert!(code_.len() <= 64 && code_.starts_with("credit-reporting-credit-repair"));
        assert_ne!(code_, code(&format!("{long} and more")));
        assert_eq!(code("车").len(), 12);
    }
}
