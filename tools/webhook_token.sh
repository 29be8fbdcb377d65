#!/bin/sh
# Adds a webhook token to .env where live changes are wanted and nothing is set to verify them with: for `make up`.
# The gateway is not given Port's secret, so it cannot derive the token that the fetcher would make subscriptions with.
set -eu
file=${1:-.env}
TOKEN=OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN

# The value of a setting, as Compose takes it: from the environment, else the last line of the file.
value() {
  eval "found=\${$1:-}"
  if [ -z "$found" ]; then
    found=$(sed -n "s/^[[:space:]]*\(export[[:space:]][[:space:]]*\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" "$file" |
      tail -n 1 | sed "s/[[:space:]]#.*//; s/^#.*//; s/[\"'[:space:]]//g")
  fi
  printf %s "$found"
}

test -f "$file" || exit 0
test -n "$(value OCEAN__BASE_URL)$(value OCEAN__INTEGRATION__CONFIG__APP_HOST)" || exit 0
test -z "$(value $TOKEN)$(value OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET)" || exit 0
token=$(od -An -N 32 -tx1 /dev/urandom | tr -d ' \n')
{
  # The last line may lack its end.
  test -z "$(tail -c 1 "$file")" || echo
  echo "# By this the gateway knows the deliveries of the subscription that the fetcher makes."
  echo "$TOKEN=$token"
} >>"$file"
echo "$TOKEN: made, and added to $file"
