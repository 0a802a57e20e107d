-- Packages were compiled for the CPU. /proc/cpuinfo lists `flags` on x86 and `Features` on Arm.
function require_cpu_features(features, message)
  local text = loading and read_text("/proc/cpuinfo") or ""
  local has = " " .. (text:match("\nflags%s*:([^\n]*)") or text:match("\nFeatures%s*:([^\n]*)") or "") .. " "
  local missing = {}
  for _, feature in ipairs(features) do
    if not has:find(" " .. feature .. " ", 1, true) then missing[#missing + 1] = feature end
  end
  if #has > 2 and #missing > 0 then LmodError(fill_in(message, table.concat(missing, " "))) end
end
