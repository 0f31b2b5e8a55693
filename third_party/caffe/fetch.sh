#!/usr/bin/env bash
# Puts the verified source tarball of Caffe into the cache and prints its path.
. "$(dirname "$0")/common.sh"

tarball=$cache/$CAFFE_TARBALL
by_git=$cache/$CAFFE_COMMIT.tar.gz
verified() { [ -f "$1" ] && echo "$CAFFE_SHA256  $1" | sha256sum --check --status; }

if verified "$tarball"; then echo "$tarball"; exit; fi
if [ -f "$by_git.sha256" ] && (cd "$cache" && sha256sum --check --status "$by_git.sha256"); then echo "$by_git"; exit; fi
[ ! -f "$tarball" ] || say "$tarball: expected sha256 $CAFFE_SHA256, found another; fetching it anew"
room "$cache" 100 DEEPPAP_CACHE
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "fetching the source of Caffe ${CAFFE_COMMIT:0:7}"

# From the mirror this machine's package client already uses; no host is written here.
from_archive() {
  command -v apt-get >/dev/null || return 1
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | sort -u |
    sed "s|.*|deb-src & $CAFFE_SUITE main|" >"$work/sources.list"
  [ -s "$work/sources.list" ] || return 1
  local options=(-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User="$(id -un)" -qq)
  (cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" source --download-only caffe) >"$work/log" 2>&1 &&
    [ -f "$work/$CAFFE_TARBALL" ]
}

# The same tree, packed like the archive's tarball.
from_git() {
  command -v git >/dev/null || return 1
  { git init -q "$work/git" && git -C "$work/git" fetch -q --depth 1 "$CAFFE_GIT" "$CAFFE_COMMIT" &&
    git -C "$work/git" archive --format=tar.gz -o "$work/$CAFFE_COMMIT.tar.gz" FETCH_HEAD; } >>"$work/log" 2>&1
}

if from_archive; then
  verified "$work/$CAFFE_TARBALL" ||
    die "$CAFFE_TARBALL: expected sha256 $CAFFE_SHA256, found $(sha256sum <"$work/$CAFFE_TARBALL" | cut -d' ' -f1). Nothing was kept; try again, or another mirror."
  mv "$work/$CAFFE_TARBALL" "$tarball"
  echo "$tarball"
elif from_git; then
  # git verifies its own content: the commit's name is a checksum of the tree; ours guards the copy kept
  mv "$work/$CAFFE_COMMIT.tar.gz" "$by_git"
  sha256sum "$by_git" >"$work/sha256" && mv "$work/sha256" "$by_git.sha256"
  echo "$by_git"
else
  reason=$(grep -m 1 -E '^W: Failed to fetch|^(E|fatal|error):' "$work/log" 2>/dev/null || echo "neither apt-get with a Debian mirror nor git is here")
  die "the source of Caffe $CAFFE_COMMIT could not be fetched, neither from the Debian archive ($CAFFE_SUITE) nor by git (${reason%.}). Put $CAFFE_TARBALL into $cache and run again."
fi
