//! Routers in rows and columns, each linked to its neighbours; messages go along the row first.

use super::{Carrying, InterconnectModel, Misfit, PLACEMENT, ROUTER_CYCLES, SEND_ZEROS, carrying};
use ohmic_config::{KeyDoc, Kind};

const COLUMNS: KeyDoc = KeyDoc::integer("columns", 1, 10_000, "routers in a row")
    .optional("the fewest columns that make the mesh no higher than wide");
const ROWS: KeyDoc =
    KeyDoc::integer("rows", 1, 10_000, "rows of routers").optional("as few as hold all tiles of the chip");
const TILES_PER_ROUTER: KeyDoc = KeyDoc::integer(
    "tiles_per_router",
    1,
    64,
    "tiles that share a router (a concentrated mesh if more than 1)",
)
.optional("1");

pub(super) const KIND: Kind<dyn InterconnectModel> = Kind {
    name: "mesh",
    summary: "routers in rows and columns, each linked to its neighbours; along the row first, then along the column",
    example: "",
    quiet: None,
    keys: &[COLUMNS, ROWS, TILES_PER_ROUTER, PLACEMENT, SEND_ZEROS, ROUTER_CYCLES],
    build: |s| {
        Ok(Box::new(Mesh {
            asked: (s.integer_if(&COLUMNS)?, s.integer_if(&ROWS)?),
            columns: 1,
            rows: 1,
            tiles_per_router: s.integer_if(&TILES_PER_ROUTER)?.unwrap_or(1) as usize,
            carrying: carrying(s)?,
        }))
    },
};

/// Model: dimension-ordered (XY) routing, a link for each direction; tiles of one router reach each other through it
/// over no link. Place `p` is at router `p / tiles_per_router`, routers counted row by row.
///
/// Left out: adaptive routes, the wires between a router and its own tiles.
#[derive(Debug)]
struct Mesh {
    /// What the file says: columns, rows.
    asked: (Option<u32>, Option<u32>),
    columns: usize,
    rows: usize,
    tiles_per_router: usize,
    carrying: Carrying,
}

/// Directions of the links that leave a router, in the order of their indices.
const DIRECTIONS: [&str; 4] = ["right", "left", "down", "up"];

impl Mesh {
    /// Column and row of the router of a place.
    fn at(&self, place: usize) -> (usize, usize) {
        let router = place / self.tiles_per_router;
        (router % self.columns, router / self.columns)
    }
}

impl InterconnectModel for Mesh {
    fn built_for(&mut self, tiles: usize) -> Result<(), Misfit> {
        let routers = tiles.div_ceil(self.tiles_per_router).max(1);
        (self.columns, self.rows) = match self.asked {
            (Some(columns), Some(rows)) => (columns as usize, rows as usize),
            (Some(columns), None) => (columns as usize, routers.div_ceil(columns as usize)),
            (None, Some(rows)) => (routers.div_ceil(rows as usize), rows as usize),
            (None, None) => {
                let columns = (1..).find(|c| c * c >= routers).unwrap_or(routers);
                (columns, routers.div_ceil(columns))
            }
        };
        if self.places() >= tiles {
            return Ok(());
        }
        let each = self.tiles_per_router;
        Err(Misfit {
            key: COLUMNS.key,
            problem: format!(
                "{} x {} routers of {each} tile{} hold {} tiles, the chip has {tiles}",
                self.columns,
                self.rows,
                if each == 1 { "" } else { "s" },
                self.places()
            ),
            help: format!("columns x rows of at least {routers}, or leave one of the two out"),
        })
    }

    fn carrying(&self) -> Carrying {
        self.carrying
    }

    fn places(&self) -> usize {
        self.columns * self.rows * self.tiles_per_router
    }

    fn links(&self) -> usize {
        self.columns * self.rows * DIRECTIONS.len()
    }

    fn hops(&self, from: usize, to: usize) -> usize {
        let (a, b) = (self.at(from), self.at(to));
        a.0.abs_diff(b.0) + a.1.abs_diff(b.1)
    }

    fn routers(&self, from: usize, to: usize) -> usize {
        self.hops(from, to) + 1
    }

    fn way(&self, from: usize, to: usize, links: &mut Vec<usize>) {
        let ((mut x, mut y), to) = (self.at(from), self.at(to));
        let link = |x, y, direction| (y * self.columns + x) * DIRECTIONS.len() + direction;
        while x < to.0 {
            links.push(link(x, y, 0));
            x += 1;
        }
        while x > to.0 {
            links.push(link(x, y, 1));
            x -= 1;
        }
        while y < to.1 {
            links.push(link(x, y, 2));
            y += 1;
        }
        while y > to.1 {
            links.push(link(x, y, 3));
            y -= 1;
        }
    }

    fn link_name(&self, link: usize) -> String {
        let router = link / DIRECTIONS.len();
        let (x, y) = (router % self.columns, router / self.columns);
        format!("column {x}, row {y}, {}", DIRECTIONS[link % DIRECTIONS.len()])
    }

    fn snake(&self) -> Vec<usize> {
        let each = self.tiles_per_router;
        (0..self.rows)
            .flat_map(|y| {
                (0..self.columns).map(move |x| if y % 2 == 0 { (x, y) } else { (self.columns - 1 - x, y) })
            })
            .flat_map(|(x, y)| (0..each).map(move |i| (y * self.columns + x) * each + i))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh(text: &str, tiles: usize) -> Result<Box<dyn InterconnectModel>, Misfit> {
        let mut mesh = KIND.build_text(text).unwrap();
        mesh.built_for(tiles).map(|()| mesh)
    }

    /// Hand: in a mesh of 4 x 3, place 1 is at (1, 0), place 11 at (3, 2): 2 to the right, 2 down, 5 routers.
    #[test]
    fn by_hand() {
        let mesh = mesh("columns = 4\nrows = 3", 12).unwrap();
        assert_eq!((mesh.hops(1, 11), mesh.routers(1, 11)), (4, 5));
        let mut links = Vec::new();
        mesh.way(1, 11, &mut links);
        let names: Vec<_> = links.iter().map(|&l| mesh.link_name(l)).collect();
        assert_eq!(
            names,
            [
                "column 1, row 0, right",
                "column 2, row 0, right",
                "column 3, row 0, down",
                "column 3, row 1, down"
            ]
        );
        links.clear();
        mesh.way(11, 1, &mut links);
        // along the row first: not the same routers on the way back
        assert_eq!(mesh.link_name(links[0]), "column 3, row 2, left");
        assert_eq!(mesh.link_name(links[3]), "column 1, row 1, up");
        assert_eq!(mesh.snake(), [0, 1, 2, 3, 7, 6, 5, 4, 8, 9, 10, 11]);
    }

    /// ISAAC: 168 tiles, 4 a router, 14 x 12 tiles are 7 x 6 routers.
    #[test]
    fn tiles_share_a_router() {
        let mesh = mesh("columns = 7\nrows = 6\ntiles_per_router = 4", 168).unwrap();
        assert_eq!(mesh.places(), 168);
        assert_eq!((mesh.hops(0, 3), mesh.routers(0, 3)), (0, 1));
        assert_eq!(mesh.hops(3, 4), 1);
        assert_eq!(mesh.hops(0, 167), 11);
        assert_eq!(&mesh.snake()[26..33], [26, 27, 52, 53, 54, 55, 48]);
    }

    #[test]
    fn as_square_as_can_be_and_refused_if_too_small() {
        let places = |text, tiles| mesh(text, tiles).map(|m| m.places());
        assert_eq!(places("", 168), Ok(13 * 13));
        assert_eq!(places("", 16), Ok(16));
        assert_eq!(places("", 5), Ok(6));
        assert_eq!(places("columns = 14", 168), Ok(168));
        let misfit = places("columns = 3\nrows = 3", 16).unwrap_err();
        assert_eq!(misfit.problem, "3 x 3 routers of 1 tile hold 9 tiles, the chip has 16");
    }
}
