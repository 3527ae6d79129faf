#!/bin/sh
# Puts one version of the demo's site on one environment: what a real pipeline would do, in small.
# A line "::stage NAME" opens a stage of the card.
set -eu
environment=$1 version=$2 sha=$3
target="../sites/$environment"

echo "::stage Build"
echo "checking out $sha"
mkdir -p "$target"
git show "$sha:site.json" > "$target/next.json"
sleep 1
echo "built $(git log -1 --format=%s "$sha")"

echo "::stage Test"
grep -q '"title"' "$target/next.json"
sleep 1
echo "12 tests passed"

echo "::stage Deploy"
printf '%s\n' "$version" > "$target/next.version"
sleep 1
mv "$target/next.json" "$target/site.json"
mv "$target/next.version" "$target/version"
echo "$environment serves $version now"

echo "::stage Verify"
sleep 1
if grep -q "\"broken_on\": \"$environment\"" "$target/site.json"; then
  echo "GET /          200 in 12 ms"
  echo "GET /menu      200 in 9 ms"
  echo "GET /checkout  500 in 3 ms"
  echo "  thread 'worker-3' panicked at src/checkout.rs:88:"
  echo "  no price for \"cold brew\" in currency EUR"
  echo "smoke test failed: 1 of 3 pages does not work"
  exit 1
fi
echo "GET /          200 in 11 ms"
echo "GET /menu      200 in 9 ms"
echo "GET /checkout  200 in 14 ms"
echo "smoke test passed"
