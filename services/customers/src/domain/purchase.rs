//! Products and purchases: ids, money and what an order holds.

use contracts::customers::v1::PurchaseState;
use kernel::{CustomerId, PurchaseId, Time, id::is_product_id};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many lines an order has at most.
pub const MAX_ITEMS: usize = 100;
/// How many of one product an order has at most.
pub const MAX_QUANTITY: i32 = 1_000_000;
/// The collection of products.
const PRODUCTS: &str = "products/";

/// Something that the company sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The company's own id.
    pub id: String,
    /// The id that its events go by.
    pub aggregate: Uuid,
    /// Rises with every change; the etag.
    pub version: i64,
    /// What it is called.
    pub title: String,
    /// The model, or empty.
    pub model: String,
    /// The brand, or empty.
    pub brand: String,
    /// When it was recorded.
    pub created_at: Time,
}

/// One order of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Its id.
    pub id: PurchaseId,
    /// Rises with every change; the etag.
    pub version: i64,
    /// Whose it is.
    pub customer: CustomerId,
    /// When it was recorded.
    pub created_at: Time,
    /// What it holds.
    pub order: Order,
}

/// What an order holds; two equal ones are the same order in the same state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number in the company's own system.
    pub number: String,
    /// What was bought.
    pub items: Vec<Item>,
    /// What was paid in all.
    pub total: Option<Money>,
    /// When it was bought.
    pub purchased_at: Time,
    /// Where it stands.
    pub state: PurchaseState,
}

/// One line of an order. Stored as JSON, so its fields are never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The product's id.
    pub product: String,
    /// How many.
    pub quantity: i32,
    /// The price of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Money>,
}

/// An amount in the currency's minor unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Fen, cents, whole yen.
    pub minor_units: i64,
    /// The ISO 4217 code.
    pub currency: String,
}

impl Money {
    /// Whether this has the form of an ISO 4217 code: three capital letters.
    pub fn is_currency(code: &str) -> bool {
        code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
    }
}

/// Whether this can be an order's number: letters, digits and `. _ - / #`, at most 64 characters.
pub fn is_order_number(number: &str) -> bool {
    (1..=64).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/#".contains(&byte))
}

/// The resource name of a product.
pub fn product_name(id: &str) -> String {
    format!("{PRODUCTS}{id}")
}

/// The id in the resource name of a product.
pub fn parse_product_name(name: &str) -> Option<&str> {
    name.strip_prefix(PRODUCTS).filter(|id| is_product_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_numbers_have_their_form() {
        for right in ["X1", "x-1.2_b", &"9".repeat(64)] {
            assert_eq!(parse_product_name(&product_name(right)), Some(right));
        }
        for wrong in ["", "-x", "a/b", "产品", "a b", &"9".repeat(65)] {
            assert_eq!(parse_product_name(&product_name(wrong)), None, "{wrong}");
        }
        assert_eq!(parse_product_name("customers/x"), None);
        assert!(is_order_number("2026/11#A-1_b.c"));
        assert!(!is_order_number("订单1") && !is_order_number("") && !is_order_number("a b"));
    }

    #[test]
    fn currencies_are_three_capital_letters() {
        assert!(Money::is_currency("CNY"));
        assert!(
            ["", "cny", "CN", "CNYY", "C1Y", "元"].iter().all(|code| !Money::is_currency(code))
        );
    }

    #[test]
    fn a_stored_line_keeps_its_form() {
        let item = Item {
            product: "X1".to_owned(),
            quantity: 2,
            unit_price: Some(Money { minor_units: 4_999, currency: "CNY".to_owned() }),
        };
        let stored =
            r#"{"product":"X1","quantity":2,"unit_price":{"minor_units":4999,"currency":"CNY"}}"#;
        assert_eq!(serde_json::to_string(&item).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Item>(stored).unwrap(), item);
        let bare: Item = serde_json::from_str(r#"{"product":"X1","quantity":1}"#).unwrap();
        assert_eq!(bare.unit_price, None);
    }
}
