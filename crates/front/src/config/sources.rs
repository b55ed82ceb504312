//! Where settings come from: the database over the environment over the file.

use std::collections::BTreeMap;

use super::file;

/// The names and values of all three.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    path: Option<String>,
    environment: BTreeMap<String, String>,
    /// By the file's own names: lower case, with dashes.
    file: BTreeMap<String, String>,
    /// By PostgREST's names in the database, without `pgrst.`.
    database: BTreeMap<String, String>,
}

const APP_SETTINGS: &str = "PGRST_APP_SETTINGS_";

impl Sources {
    /// The process's environment, and a file if one is named.
    ///
    /// # Errors
    /// One line that says what is wrong with the file.
    pub(crate) fn of_process(path: Option<&str>) -> Result<Self, String> {
        let file = path.map(file::read).transpose()?.unwrap_or_default();
        // A variable that is no text can not be one of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let path = path.map(str::to_owned);
        Ok(Self { path, environment: environment.collect(), file, database: BTreeMap::new() })
    }

    /// The same with the file as it is now.
    ///
    /// # Errors
    /// As [`Self::of_process`].
    pub(crate) fn read_again(&self) -> Result<Self, String> {
        let file = self.path.as_deref().map(file::read).transpose()?.unwrap_or_default();
        Ok(Self { file, ..self.clone() })
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { environment: environment.collect(), ..Self::default() }
    }

    /// The same with other settings of the database.
    pub(crate) fn with_database(&self, settings: BTreeMap<String, String>) -> Self {
        Self { database: settings, ..self.clone() }
    }

    /// The value of a variable, wherever it is set. Names other than PostgREST's and ours are looked
    /// up in the environment only.
    pub(crate) fn find(&self, variable: &str) -> Option<String> {
        let name = variable.strip_prefix("PGRST_").map(str::to_ascii_lowercase);
        let own =
            variable.strip_prefix("GATEHOUSE_").map(|name| format!("gatehouse_{name}").to_ascii_lowercase());
        let in_database = name.as_ref().and_then(|name| self.database.get(name));
        let in_file = || {
            let name = name.as_ref().or(own.as_ref())?;
            self.file.get(&name.replace('_', "-"))
        };
        in_database.or_else(|| self.environment.get(variable)).or_else(in_file).cloned()
    }

    /// `app.settings.*`, given to every transaction; the environment over the file.
    pub(crate) fn app_settings(&self) -> Vec<(String, String)> {
        let in_file = self.file.iter().filter(|(name, _)| name.starts_with("app.settings."));
        let mut all: BTreeMap<String, String> =
            in_file.map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, value) in &self.environment {
            if let Some(name) = name.strip_prefix(APP_SETTINGS) {
                all.insert(format!("app.settings.{name}"), value.clone());
            }
        }
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Sources;

    #[test]
    fn the_database_wins_over_the_environment_and_that_over_the_file() {
        let mut sources = Sources::of(&[("PGRST_DB_POOL", "2"), ("PGRST_APP_SETTINGS_key", "v")]);
        sources.file.insert("db-pool".to_owned(), "1".to_owned());
        sources.file.insert("db-max-rows".to_owned(), "5".to_owned());
        assert_eq!(sources.find("PGRST_DB_POOL").unwrap(), "2");
        assert_eq!(sources.find("PGRST_DB_MAX_ROWS").unwrap(), "5");
        let database = BTreeMap::from([("db_pool".to_owned(), "3".to_owned())]);
        assert_eq!(sources.with_database(database).find("PGRST_DB_POOL").unwrap(), "3");
        assert_eq!(sources.app_settings(), [("app.settings.key".to_owned(), "v".to_owned())]);
    }
}
