-- Runs the script `entrance` to mount the image of a packed environment; the file `mark` exists while it is mounted.
function mount_image(entrance, mark)
  if loading and not isFile(mark) then
    local said, succeeded = capture(entrance .. " mount 2>&1")
    if not succeeded then LmodError((said:gsub("^stackenv: ", ""):gsub("%s+$", ""))) end
  end
  if unloading then capture(entrance .. " unmount 2>&1") end
end
