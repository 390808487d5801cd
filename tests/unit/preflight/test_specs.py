# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs: types, choices, what is required, what is unknown, what must not be shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.preflight import Broken

from .conftest import Homelab


def test_an_unquoted_version_that_yaml_made_a_number(homelab: Homelab) -> None:
    homelab.photos["immich_database_postgres"] = 17.10
    assert homelab.errors() == ["immich_database_postgres is the number 17.1, not text: YAML drops digits (17.10 becomes 17.1). Put it in quotes."]


def test_a_bare_word_that_yaml_made_a_boolean(homelab: Homelab) -> None:
    homelab.exports[0]["squash"] = False
    assert homelab.errors() == ["nas_exports[0] (photos): squash is false: YAML reads a bare yes, no, on, off, true or false so. Put the text in quotes."]


def test_a_whole_number_where_text_is_wanted_is_fine(homelab: Homelab) -> None:
    homelab.exports[1]["owner"]["user"] = "1000"
    homelab.library["scan"]["max_removed"] = 100
    assert homelab.errors() == []


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (["immich_run_as", "uid"], "1000", 'immich_run_as.uid is the text "1000", not a whole number. Write it without quotes, and with -e as JSON.'),
        (["immich_run_as", "uid"], True, "immich_run_as.uid is true, not a whole number. Write a whole number."),
        (["immich_run_as", "uid"], 1.5, "immich_run_as.uid is 1.5, not a whole number. Write a whole number."),
        (["immich_run_as"], 1000, "immich_run_as is 1000, not a mapping. Write {key: value}."),
        (["immich_run_as"], "1000:1000", "immich_run_as is 1000:1000, not a mapping. Write {key: value}."),
        (["immich_users"], {"name": "Me"}, "immich_users is a mapping, not a list. Write [one, two]."),
        (["immich_users", 0], "me@home.net", "immich_users[0] is me@home.net, not a mapping. Write {key: value}."),
        (["immich_libraries", 0, "import_paths"], "/mnt/photos", "immich_libraries[0] (NAS photos): import_paths is text, not a list. Write [/mnt/photos]."),
        (["immich_timezone"], ["UTC"], "immich_timezone is a list, not text. Write text."),
        (["immich_database_instances"], "three",
         'immich_database_instances is the text "three", not a whole number. Write it without quotes, and with -e as JSON.'),
    ],
)  # fmt: skip
def test_a_value_of_another_type(homelab: Homelab, path: list[Any], value: Any, error: str) -> None:
    parent: Any = homelab.photos
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    assert homelab.errors() == [error]


def test_a_choice_that_does_not_exist(homelab: Homelab) -> None:
    homelab.volumes[2]["access"] = "readonly"
    assert homelab.errors() == ["immich_volumes[2] (photos): access is readonly, which is not possible. Use rw or ro."]


def test_a_choice_in_a_list(homelab: Homelab) -> None:
    homelab.volumes[3]["pods"] = ["server", "ml"]
    assert homelab.errors() == ["immich_volumes[3] (models): pods[1] is ml, which is not possible. Use server or machine-learning."]


def test_what_is_required(homelab: Homelab) -> None:
    del homelab.photos["immich_version"], homelab.photos["immich_url"], homelab.library["owner"]
    assert homelab.errors() == [
        "immich_url is required and not set: where people open Immich.",
        "immich_version is required and not set: the release of Immich, such as v3.3.5.",
        "immich_libraries[0] (NAS photos): owner is required and not set: "
        "e-mail address of the user who owns the library, the administrator or one of immich_users.",
    ]


def test_a_variable_without_a_value(homelab: Homelab) -> None:
    homelab.photos["immich_timezone"] = None
    assert homelab.errors() == ["immich_timezone is empty. Give it a value, or remove it to have the default (UTC)."]


def test_a_misspelt_key(homelab: Homelab) -> None:
    homelab.volumes[2]["mont"] = homelab.volumes[2].pop("mount")
    assert homelab.errors() == ["immich_volumes[2] (photos): mont is not a known key. Did you mean mount?"]


def test_a_key_that_is_like_no_other(homelab: Homelab) -> None:
    homelab.volumes[0]["nfs"]["version"] = "4.2"
    assert homelab.errors() == ["immich_volumes[0] (media): nfs.version is not a known key. Use export, subpath or csi."]


@pytest.mark.parametrize(
    ("misspelt", "error"),
    [
        ("immich_versoin", "immich_versoin is not a variable of this collection. Did you mean immich_version?"),
        ("immich_volume", "immich_volume is not a variable of this collection. Did you mean immich_volumes?"),
        ("immich_database_storageclass", "immich_database_storageclass is not a variable of this collection. Did you mean immich_database_storage_class?"),
        ("nas_export", "nas_export is not a variable of this collection. Did you mean nas_exports?"),
        ("immich_shoe_size", "immich_shoe_size is not a variable of this collection. Rename or remove it; see docs/variables.md."),
    ],
)
def test_a_misspelt_variable(homelab: Homelab, misspelt: str, error: str) -> None:
    homelab.photos[misspelt] = "anything, even a secret"
    assert homelab.errors() == [error]


def test_a_misspelt_variable_for_all_hosts_is_said_once(homelab: Homelab) -> None:
    for host in (homelab.photos, homelab.tank):
        host["immich_timezon"] = "UTC"
    (problem,) = homelab.problems()
    assert (problem.host, problem.others) == ("photos", ("tank",))


def test_what_is_internal_cannot_be_set(homelab: Homelab) -> None:
    homelab.photos["__immich_api"] = {"url": "https://198.51.100.7"}
    assert homelab.errors() == ["__immich_api is internal to this collection and cannot be set. Remove it."]


def test_variables_of_others_are_not_ours(homelab: Homelab) -> None:
    homelab.photos.update({"vault_immich_key": "x", "ansible_python_interpreter": "python3", "immichframe_url": "x"})
    assert homelab.errors() == []


@pytest.mark.parametrize("value", [["hunter22-and-more"], {"key": "hunter22-and-more"}, 17.5, True])
def test_a_secret_of_another_type_is_not_shown(homelab: Homelab, value: Any) -> None:
    homelab.photos["immich_admin_password"] = value
    homelab.photos["immich_users"][0]["password"] = value
    shown = "\n".join(homelab.errors())
    assert "immich_admin_password is" in shown
    assert "hunter22" not in shown and "17.5" not in shown


def test_a_template_that_fails_is_one_error(homelab: Homelab) -> None:
    homelab.photos["immich_admin_email"] = None
    homelab.broken["photos"] = {("immich_admin_email",): Broken("uses a variable that is not there: 'vault_mail' is undefined.")}
    assert homelab.errors() == ["immich_admin_email uses a variable that is not there: 'vault_mail' is undefined."]


def test_a_template_of_a_secret_that_fails_shows_nothing(homelab: Homelab) -> None:
    homelab.broken["photos"] = {
        ("immich_users", 0, "password"): Broken("has a template that fails.", "invalid literal for int(): 'hunter22'"),
        ("immich_users", 0, "quota"): Broken("has a template that fails.", "invalid literal for int(): 'lots'"),
    }
    assert homelab.errors() == [
        "immich_users[0] (Family): password has a template that fails.",
        "immich_users[0] (Family): quota has a template that fails. invalid literal for int(): 'lots'",
    ]


def test_limit_reports_the_hosts_of_the_run_only(homelab: Homelab) -> None:
    homelab.photos["immich_timezone"] = "Mars/Olympus"
    homelab.exports[0]["access"] = "readonly"
    homelab.limit = {"tank"}
    assert homelab.errors() == ["nas_exports[0] (photos): access is readonly, which is not possible. Use rw or ro."]


def test_limit_still_knows_the_hosts_outside(homelab: Homelab) -> None:
    homelab.second_instance()["immich_namespace"] = "immich"
    homelab.limit = {"family"}
    assert len(homelab.errors()) == 1
    homelab.limit = {"tank"}
    assert homelab.errors() == []


@pytest.mark.parametrize(("variable", "text"), [("immich_accept_existing_media", "true"), ("immich_wait_timeout", "60"), ("immich_database_instances", "3")])
def test_what_comes_from_the_command_line_is_text_and_taken_for_what_it_says(homelab: Homelab, variable: str, text: str) -> None:
    homelab.photos[variable] = text
    assert homelab.errors() == []
