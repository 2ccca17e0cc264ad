// A forked child of a test.
#pragma once

#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <sched.h>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace sluice::process {

inline constexpr unsigned kAlarmSeconds = 60;

/// Runs `body` in a child; its return value becomes the exit status, an exception status 99.
/// Owns: the child; killed and reaped by the destructor at the latest.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<int()>& body) {
    pid_ = fork();
    if (pid_ < 0) {
      throw std::runtime_error("fork failed");
    }
    if (pid_ == 0) {
      alarm(kAlarmSeconds);  // a hang becomes a death by SIGALRM, which no test accepts
      int status = 99;
      try {
        status = body();
      } catch (const std::exception&) {
      }
      _exit(status);
    }
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    if (pid_ > 0) {
      kill(SIGKILL);
      (void)wait();
    }
  }

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void kill(int signal) const noexcept { ::kill(pid_, signal); }
  /// Returns once the child has stopped itself.
  void await_stop() const {
    int status = 0;
    if (waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status)) {
      throw std::runtime_error("the child did not stop");
    }
  }
  /// Returns whether the child stopped itself, once it has done so or ended; wait() tells its end.
  [[nodiscard]] bool stops_before_its_end() const {
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0) {
      throw std::runtime_error("the child is gone");
    }
    return info.si_code == CLD_STOPPED;
  }
  /// Returns once the child stays asleep: only park() makes a seat sleep.
  void await_sleep() const {
    const std::string path = "/proc/" + std::to_string(pid_) + "/stat";
    for (int calm = 0; calm < 50; sched_yield()) {
      std::string line;
      std::getline(std::ifstream(path), line);
      const bool sleeps = line.compare(line.rfind(')') + 1, 2, " S") == 0;
      calm = sleeps ? calm + 1 : 0;
    }
  }
  void go_on() const noexcept { kill(SIGCONT); }
  /// Returns the exit status, or minus the signal that ended the child.
  [[nodiscard]] int wait() {
    int status = 0;
    const pid_t reaped = waitpid(pid_, &status, 0);
    pid_ = -1;
    if (reaped < 0) {
      return 1000;
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  /// Units: nanoseconds of CPU that the child has used so far.
  [[nodiscard]] std::int64_t cpu_ns() const {
    clockid_t clock{};
    timespec used{};
    if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) {
      throw std::runtime_error("the child has no CPU clock");
    }
    return std::int64_t{used.tv_sec} * 1000000000 + used.tv_nsec;
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace sluice::process
