-- Prints a line on a terminal, by the shell; prints nothing in a job of Slurm, PBS, LSF or Grid Engine.
function notice(text, found)
  local cluster = os.getenv("SLURM_JOB_ID") or os.getenv("PBS_JOBID") or os.getenv("LSB_JOBID")
  if not loading or cluster or os.getenv("PE_HOSTFILE") then return end
  text = fill_in(text, (found:gsub("[^%w/_.,:+=@ \128-\255-]", "_")))
  run_in_shell("load", {
    sh = "if [ -t 2 ]; then printf '%s\n' '" .. text .. "' >&2; fi",
    -- csh redirects even if the condition is false, hence the eval; it cannot redirect to stderr alone.
    csh = "if ( -t 2 ) eval \"echo '" .. text .. "' > /dev/tty\"",
    fish = "if test -t 2; printf '%s\n' '" .. text .. "' >&2; end",
  })
end
