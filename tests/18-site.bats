# The documentation as a web site.
load helpers

@test "the site has every page, the manual pages and a search, and loads nothing from other hosts" {
    run -0 "$ROOT/scripts/site"
    local html=$ROOT/build/site/html page
    cd "$ROOT"
    for page in docs/*.md README.md CHANGELOG.md man/vm.1.md man/hurd-vm-init.8.md; do
        page=${page%.md}.html
        case $page in README.html | docs/README.html) page=${page%README.html}index.html ;; esac
        [ -s "$html/$page" ]
    done
    run -0 jq -r '.docs[].location' "$html/search/search_index.json"
    assert_line --partial 'docs/console.html'
    assert_line --partial 'man/vm.1.html'
    run ! grep -rlE '<(script|link|img)[^>]* (src|href)="(https?:)?//' "$html" --include='*.html'
    assert [ -s "$html/docs/overview.svg" ]
}
