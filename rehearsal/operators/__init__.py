# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators do besides setting a status, which the Stages do. One file an operator: `reconcile` makes what a user would notice, `KINDS` says which
custom resources it watches (kind -> its collection at the API server). An operator is added to the tuple below, and that is all."""

from . import certificates, dragonfly, gateways, ingresses, kubelet, postgresql, secrets, volsync

OPERATORS = (kubelet, secrets, postgresql, dragonfly, certificates, ingresses, volsync, gateways)
KINDS = {kind: collection for operator in OPERATORS for kind, collection in operator.KINDS.items()}
