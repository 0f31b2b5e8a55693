#!/usr/bin/env bash
# Puts the verified source tarball of Caffe into the cache and prints its path.
. "$(dirname "$0")/common.sh"

tarball=$cache/$CAFFE_TARBALL
verified() { [ -f "$1" ] && echo "$CAFFE_SHA256  $1" | sha256sum --check --status; }

if verified "$tarball"; then echo "$tarball"; exit; fi
mkdir -p "$cache"
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

# From the mirror this machine's package client already uses; no host is written here.
from_archive() {
  command -v apt-get >/dev/null || return 1
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | sort -u |
    sed "s|.*|deb-src & $CAFFE_SUITE main|" >"$work/sources.list"
  [ -s "$work/sources.list" ] || return 1
  local options=(-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User="$(id -un)" -qq)
  (cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" source --download-only caffe) >"$work/log" 2>&1
}

# The same tree; packed like the archive's tarball, so that its own checksum is the only one needed.
from_git() {
  command -v git >/dev/null || return 1
  git init -q "$work/git" && git -C "$work/git" fetch -q --depth 1 "$CAFFE_GIT" "$CAFFE_COMMIT" 2>>"$work/log" &&
    git -C "$work/git" archive --format=tar.gz -o "$work/$CAFFE_COMMIT.tar.gz" FETCH_HEAD
}

if from_archive && [ -f "$work/$CAFFE_TARBALL" ]; then
  verified "$work/$CAFFE_TARBALL" ||
    die "$CAFFE_TARBALL: expected sha256 $CAFFE_SHA256, found $(sha256sum <"$work/$CAFFE_TARBALL" | cut -d' ' -f1). Nothing was kept; try again, or another mirror."
  mv "$work/$CAFFE_TARBALL" "$tarball"
  echo "$tarball"
elif from_git; then
  # git verifies its own content: the commit's name is a checksum of the tree
  mv "$work/$CAFFE_COMMIT.tar.gz" "$cache/"
  echo "$cache/$CAFFE_COMMIT.tar.gz"
else
  [ ! -s "$work/log" ] || tail -n 3 "$work/log" >&2
  die "the source of Caffe $CAFFE_COMMIT could not be fetched, neither from the Debian archive ($CAFFE_SUITE) nor by git. Put $CAFFE_TARBALL into $cache and run again."
fi
