/* A stand-in for bcryptprimitives.dll, which Rust's standard library takes its random numbers from
 * and old versions of Wine do not have. */
#include <windows.h>

/* RtlGenRandom, which every version of Wine has. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    return SystemFunction036(buffer, (ULONG)length);
}
