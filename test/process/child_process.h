// A forked child of a test.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <signal.h>
#include <stdexcept>
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
