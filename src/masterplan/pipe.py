"""One request's way: profile → decision → reserve → attempt → settle → evidence."""
