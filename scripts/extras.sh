# shellcheck shell=bash
# Sourced after environment.sh by scripts that test or measure with other programs.
#
#   need_browser    Chromium on the path, with fonts that have Chinese characters
#   need_curl       curl, with which a blueprint uploads scans
#   need_cups       CUPS and ipptool
#   need_poppler    poppler's programs, which draw PDF files
#   need_reader     Tesseract, which reads English and Chinese
#   need_dovecot    Dovecot, a mail server
#   need_scanners   SANE with AirScan; Avahi, with which AirScan finds scanners; and another client of network scanners
#
# On Debian, root gets Debian's packages, and any other user gets Chromium unpacked into the cache. On other systems, an
# installed Chrome is used. The functions succeed even if a program cannot be installed: the tests that need the program
# are left out and named.

need_browser() {
  local name
  if is_debian && [ "$(id -u)" = 0 ]; then
    need_debian chromium:chromium fonts-noto-cjk:'/usr/share/fonts/opentype/noto/NotoSansCJK-*' \
      fonts-noto-color-emoji:/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf || true
    return
  fi
  if command -v chromium >/dev/null; then return; fi
  # shellcheck disable=SC2154 # set by environment.sh
  export PATH=$cache/bin:$PATH
  if command -v chromium >/dev/null; then return; fi
  mkdir -p "$cache/bin"
  for name in chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then
      ln -sf "$(command -v "$name")" "$cache/bin/chromium"
      return
    fi
  done
  if is_debian; then
    say 'Bringing Chromium …'
    if unpack_browser "$cache/browser"; then return; fi
  fi
  say 'Chromium could not be brought. Please install chromium.'
}

# unpack_browser DIR: unpacks this Debian's Chromium with the libraries and fonts that the machine lacks,
# and writes a script that starts it.
unpack_browser() {
  local dir=$1 libraries
  rm -rf "$dir" "$dir.new"
  unpack_debian --with-dependencies "$(debian_suite)" "$dir.new" chromium fonts-noto-cjk fonts-noto-color-emoji || return 1
  mv "$dir.new" "$dir"
  libraries=$(find "$dir"/usr/lib/*-linux-gnu* -name '*.so*' -printf '%h\n' | sort -u | tr '\n' :)
  cat >"$dir/fonts.conf" <<END
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>$dir/usr/share/fonts</dir>
  <cachedir>$dir/fonts</cachedir>
</fontconfig>
END
  cat >"$dir/start" <<END
#!/bin/sh
FONTCONFIG_FILE=$dir/fonts.conf LD_LIBRARY_PATH=${libraries%:} exec $dir/usr/lib/chromium/chromium "\$@"
END
  chmod +x "$dir/start"
  "$dir/start" --version >/dev/null && ln -sf "$dir/start" "$cache/bin/chromium"
}

need_curl() {
  need_debian curl:curl || true
}

need_cups() {
  need_debian cups-ipp-utils:ipptool cups:/usr/sbin/cupsd cups-client:lpadmin \
    cups-filters:/usr/lib/cups/filter/pdftopdf || true
}

need_poppler() {
  need_debian poppler-utils:pdftoppm || true
}

need_reader() {
  need_debian tesseract-ocr:tesseract tesseract-ocr-chi-sim:'/usr/share/tesseract-ocr/*/tessdata/chi_sim.traineddata' || true
}

need_dovecot() {
  need_debian dovecot-imapd:dovecot || true
}

need_scanners() {
  need_debian sane-utils:scanimage sane-airscan:airscan-discover avahi-daemon:/usr/sbin/avahi-daemon || true
  # shellcheck disable=SC2154 # set by environment.sh
  local dir=$cache/escl
  if ! "$dir/bin/escl-scan" --help >/dev/null 2>&1; then
    say 'Bringing a client of network scanners …'
    find_uv
    # shellcheck disable=SC2154 # set by find_uv
    if ! { "$uv" venv -q --no-project --clear --python python3 "$dir" &&
      "$uv" pip install -q --python "$dir/bin/python" "$(tool escl-scanner-cli)"; }; then
      rm -rf "$dir"
      say 'It could not be brought. Please install escl-scanner-cli.'
      return
    fi
  fi
  export PATH=$PATH:$dir/bin
}
