import CLinux

/// Where threads run.
public enum CoreBinding {
    /// Keeps the calling thread on one of the cores that it may run on, counted from 0; false when there is no such core.
    @discardableResult
    public static func bindThread(toCore index: Int) -> Bool { linux_bind_thread(Int32(index)) == 0 }
}
