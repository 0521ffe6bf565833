//! What the contracts say of each element, as text.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, FileDescriptor,
    MessageDescriptor, MethodDescriptor, ServiceDescriptor,
};

/// The comments of a pool, by file and place.
#[derive(Debug)]
pub(crate) struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    /// Reads the comments of every file that came with them.
    pub(crate) fn read(pool: &DescriptorPool) -> Self {
        let mut comments = HashMap::new();
        for file in pool.files() {
            let info = file.file_descriptor_proto().source_code_info.clone();
            for location in info.unwrap_or_default().location {
                let text = paragraphs(location.leading_comments());
                if !text.is_empty() {
                    comments.insert((file.name().to_owned(), location.path), text);
                }
            }
        }
        Self(comments)
    }

    fn at(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        let found = self.0.get(&(file.name().to_owned(), path.to_vec()));
        found.map(String::as_str).unwrap_or_default()
    }

    /// What is said of a service.
    pub(crate) fn service(&self, service: &ServiceDescriptor) -> &str {
        self.at(&service.parent_file(), service.path())
    }

    /// What is said of a method.
    pub(crate) fn method(&self, method: &MethodDescriptor) -> &str {
        self.at(&method.parent_file(), method.path())
    }

    /// What is said of a message.
    pub(crate) fn message(&self, message: &MessageDescriptor) -> &str {
        self.at(&message.parent_file(), message.path())
    }

    /// What is said of a field.
    pub(crate) fn field(&self, field: &FieldDescriptor) -> &str {
        self.at(&field.parent_file(), field.path())
    }

    /// What is said of an enum.
    pub(crate) fn enumeration(&self, values: &EnumDescriptor) -> &str {
        self.at(&values.parent_file(), values.path())
    }

    /// What is said of one of its values.
    pub(crate) fn value(&self, value: &EnumValueDescriptor) -> &str {
        self.at(&value.parent_file(), value.path())
    }
}

/// A comment with its lines put together; an empty line begins a paragraph.
fn paragraphs(comment: &str) -> String {
    let mut text = String::new();
    for line in comment.lines().map(str::trim) {
        if line.is_empty() {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push(' ');
        }
        text.push_str(line);
    }
    text.trim_end().to_owned()
}

/// The first sentence of a text, without its full stop.
pub(crate) fn first_sentence(text: &str) -> &str {
    let end = text.find(". ").or_else(|| text.find(".\n"));
    let first = &text[..end.unwrap_or(text.len())];
    first.strip_suffix('.').unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use contracts::POOL;

    use super::*;

    #[test]
    fn comments_are_found_where_they_stand() {
        let comments = Comments::read(&POOL);
        let ticket = POOL.get_message_by_name("aftercare.tickets.v1.Ticket").unwrap();
        let about = comments.message(&ticket);
        assert!(about.starts_with("One matter of one customer, from the first contact until both"));
        assert_eq!(about.split("\n\n").count(), 2);
        let name = ticket.get_field_by_name("name").unwrap();
        assert_eq!(comments.field(&name), "The resource name, `tickets/{id}`.");
        let service = POOL.get_service_by_name("aftercare.tickets.v1.TicketService").unwrap();
        let get = service.methods().find(|method| method.name() == "GetTicket").unwrap();
        assert_eq!(comments.method(&get), "Reads a ticket.");
    }

    #[test]
    fn a_summary_is_the_first_sentence() {
        assert_eq!(first_sentence("Reads. And more."), "Reads");
        assert_eq!(first_sentence("Reads e.g. one"), "Reads e.g");
        assert_eq!(first_sentence("Reads one"), "Reads one");
    }
}
