@echo off
rem Finds a Python 3.10 or newer and hands over to launch.py, which does everything else.
setlocal EnableExtensions EnableDelayedExpansion
rem A double click starts "cmd /c" with the batch file; a prompt is a cmd without /c.
set "COMMAND=!cmdcmdline!"
set "FROM_CMD_C="
if defined COMMAND if not "!COMMAND:/c=!"=="!COMMAND!" set "FROM_CMD_C=--from-cmd-c"
setlocal DisableDelayedExpansion
set "NEW_ENOUGH=import sys; sys.exit(sys.version_info < (3, 10))"
set "PYTHON="

for %%P in (py.exe python.exe python.bat) do if not "%%~$PATH:P"=="" call :try "%%~$PATH:P"
for %%F in ("%LOCALAPPDATA%\Programs\Python" "%ProgramFiles%") do (
  for %%N in (313 312 311 310) do call :try "%%~F\Python%%N\python.exe"
)
for %%F in ("%USERPROFILE%" "%LOCALAPPDATA%" "%LOCALAPPDATA%\Continuum" "%ProgramData%" "%SystemDrive%") do (
  for %%N in (anaconda3 miniconda3 miniforge3 mambaforge) do call :try "%%~F\%%N\python.exe"
)
if not defined PYTHON goto :none

rem -I: no module in this folder may hide one of Python's own.
%PYTHON% -I "%~dp0launch.py" %FROM_CMD_C% %*
exit /b %errorlevel%

:try
rem Where Python is missing, Microsoft's stand-in for it may be on the PATH: it fails here, without a window.
if defined PYTHON exit /b
if not exist %1 exit /b
call %1 -c "%NEW_ENOUGH%" <nul >nul 2>nul
if not errorlevel 1 set PYTHON=%1
exit /b

:none
echo No Python 3.10 or newer was found. Install one of these, then start again:
echo   Python 3.12   https://www.python.org/downloads/   (tick "Add python.exe to PATH")
echo   Anaconda      https://www.anaconda.com/download
if defined FROM_CMD_C pause
exit /b 1
