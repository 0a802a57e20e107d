if status is-interactive; and test -r __FILE__
  source __FILE__
end
