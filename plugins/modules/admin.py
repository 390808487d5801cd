# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: admin
short_description: Make the first administrator of an Immich server
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Signs up the first administrator where the server has none, and marks the first-run wizard as done.
  - Anybody who reaches a fresh server may sign up as its administrator, so run this before the way in opens.
  - Where there is an administrator, checks that O(api_key), or else O(email) with O(password), is accepted. A password is never changed.
  - A server started with C(IMMICH_ALLOW_SETUP=false) always says that it has an administrator.
options:
  name:
    description: Display name of the administrator, used when the account is made.
    type: str
    default: Admin
  report_only:
    description: Only say whether the server has an administrator. Needs no credentials.
    type: bool
    default: false
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: First administrator
  homelab.immich.admin:
    url: https://photos.example.net
    email: admin@example.net
    password: "{{ vault_immich_admin_password }}"

- name: The stored key is tried first, and no session is opened while it is valid
  homelab.immich.admin:
    url: https://photos.example.net
    api_key: "{{ stored_key }}"
    email: admin@example.net
    password: "{{ vault_immich_admin_password }}"
"""

RETURN = r"""
initialized:
  description: Whether the server has an administrator. In check mode, whether it has one already.
  type: bool
  returned: success
onboarded:
  description: Whether the first-run wizard is done. In check mode, whether it is done already.
  type: bool
  returned: success
authenticated_by:
  description: What the server accepted, V(api_key) or V(session). V(none) where nothing was tried.
  type: str
  returned: success
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich.api_keys import read_own
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import Change, Plan, Step
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError, Unauthorized
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule

_STATE = {"isInitialized": bool, "isOnboarded": bool}
_ONBOARD = Step("POST", "/system-metadata/admin-onboarding", {"isOnboarded": True}, "mark the first-run wizard as done")


def read_state(api: Client) -> dict[str, Any]:
    """Read whether there is an administrator, and whether the first-run wizard is done."""
    state = api.get("/server/config", doing="ask the server for its state", shape=(_STATE, {"maintenanceMode": bool}))
    if "isInitialized" not in state:
        raise ImmichError("The server is in maintenance mode, in which it accepts no key and no session; end maintenance mode first.")
    return state


def sign_up(module: ImmichModule, api: Client) -> None:
    """Make the first administrator."""
    if not module.can_log_in:
        raise ImmichError("The server has no administrator yet; give email and password to make the account.")
    email, password, name = (module.params[option] for option in ("email", "password", "name"))
    what = f"administrator {email.lower()}"
    body = {"email": email, "password": password, "name": name}
    step = Step("POST", "/auth/admin-sign-up", body, f"make the {what}")
    module.carry_out(api, Plan(Change(what, None, {"email": email.lower(), "name": name}), (step,)))


def authenticate(module: ImmichModule, api: Client) -> str:
    """Make sure that the server accepts what was given; the key first, for it needs no session."""
    if module.params["api_key"] and read_own(api) is not None:
        return "api_key"
    if module.check_mode:
        return "none"
    if module.params["api_key"] and not module.can_log_in:
        raise ImmichError("The server does not accept the API key; give another, or email and password of an administrator.")
    try:
        session = module.login(api)
    except Unauthorized as error:
        raise ImmichError(
            f"{error} If the server was never set up, its database is empty while IMMICH_ALLOW_SETUP=false keeps anybody from signing up."
        ) from error
    if not session["isAdmin"]:
        raise ImmichError(f"User {module.params['email']} is no administrator; give the email and password of one.")
    return "session"


def main() -> None:
    """Run the module."""
    module = ImmichModule({"name": {"type": "str", "default": "Admin"}, "report_only": {"type": "bool", "default": False}})
    authenticated_by = "none"
    with module.api(authenticate=False) as api:
        state = read_state(api)
        initialized, onboarded = state["isInitialized"], state["isOnboarded"]
        if not module.params["report_only"]:
            if not initialized:
                sign_up(module, api)
                initialized = not module.check_mode
            if initialized:
                authenticated_by = authenticate(module, api)
            if not onboarded:
                # a key may not be allowed to; a session of an administrator always is
                if authenticated_by == "api_key" and module.can_log_in and not module.check_mode:
                    module.login(api)
                module.carry_out(api, Plan(Change("first-run wizard", {"done": False}, {"done": True}), (_ONBOARD,)))
                onboarded = not module.check_mode
    module.exit(initialized=initialized, onboarded=onboarded, authenticated_by=authenticated_by)


if __name__ == "__main__":
    main()
