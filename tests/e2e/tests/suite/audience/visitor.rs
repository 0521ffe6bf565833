//! The pages of the help centre, against what a visitor must see of the library.

use aftercare_e2e::{
    Suite, Tenant,
    desk::new_id,
    library::{Book, Depth, Library, Meant, Reader},
    pages::{Page, Visitor},
};
use http::Method;
use kernel::Role;

/// A visitor of the tenant's help centre.
struct Eye<'a> {
    reader: Reader,
    visitor: Visitor,
    shelf: &'a Library,
    found: Vec<String>,
}

/// Looks at every page, and tells what is wrong there.
pub(crate) async fn everything(suite: &Suite, shelf: &Library) -> Vec<String> {
    let visitor = Visitor::new(suite, Tenant::North);
    let mut eye = Eye { reader: Reader::of(Role::Anonymous), visitor, shelf, found: Vec::new() };
    for locale in ["en", "zh"] {
        eye.questions(locale).await;
        eye.searched(locale).await;
        for book in &shelf.books {
            eye.article(locale, book).await;
        }
    }
    eye.found
}

impl Eye<'_> {
    fn note(&mut self, path: &str, text: &str, depth: Depth, books: Vec<&Book>) {
        let meant = Meant { depth, books, only: true };
        let wrong = self.shelf.wrong_in(&self.reader, path, text, Some(&meant));
        self.found.extend(wrong.into_iter().map(|wrong| format!("a visitor: {path} {wrong}")));
    }

    /// All that the home page lists, page by page.
    async fn questions(&mut self, locale: &str) {
        let mut text = String::new();
        let mut path = format!("/{locale}?in=all");
        loop {
            let page = self.visitor.get(&path).await;
            text.push_str(&page.html);
            let next = next(&page);
            let Some(next) = next else { break };
            path = next;
        }
        self.note(&format!("/{locale}"), &text, Depth::Title, self.shelf.found_by(&self.reader));
    }

    async fn searched(&mut self, locale: &str) {
        let path = format!("/{locale}/search?q={}", self.shelf.word);
        let page = self.visitor.get(&path).await;
        let books = self.shelf.found_by(&self.reader);
        self.note(&path, &page.html, Depth::Title, books.clone());
        let path = format!("/{locale}/suggest?q={}", self.shelf.word);
        let page = self.visitor.get(&path).await;
        for book in &books {
            if !page.html.contains(&book.title) && !page.html.contains(&book.question) {
                self.found.push(format!("a visitor: {path} does not suggest {}", book.name));
            }
        }
        // Nothing stands here by its name.
        let hidden = self.shelf.wrong_in(&self.reader, &path, &page.html, None);
        self.found.extend(hidden.into_iter().map(|wrong| format!("a visitor: {path} {wrong}")));
    }

    /// The page of an article, which is there or is like that of one that nobody has.
    async fn article(&mut self, locale: &str, book: &Book) {
        let path = format!("/{locale}/{}", book.name);
        let page = self.visitor.get(&path).await;
        if self.reader.sees(book) {
            return self.note(&path, &page.html, Depth::Page, vec![book]);
        }
        let nobodys = format!("/{locale}/articles/{}", new_id());
        let missing = self.visitor.get(&nobodys).await;
        let vote = format!("helpful=yes&revision=1&vote={}", new_id());
        let voted = self.visitor.ask(Method::POST, &format!("{path}/vote"), &vote).await;
        for told in [page, voted] {
            if (told.status, &told.html) != (missing.status, &missing.html) {
                self.found.push(format!("a visitor: {path} can be told from what is missing"));
            }
        }
    }
}

/// The path of the next page of a list, below the help centre.
fn next(page: &Page) -> Option<String> {
    let base = format!("/t/{}", Tenant::North.slug());
    let next = page.values("href").into_iter().find(|href| href.contains("page="))?;
    Some(next.strip_prefix(&base).unwrap_or(next).replace("&amp;", "&"))
}
